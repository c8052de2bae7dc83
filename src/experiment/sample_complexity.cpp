#include <stdexcept>

#include "studies.hpp"

namespace ntkflow {

StudyCost sample_complexity_cost(const ExperimentOptions&, const Architecture&, const DataShape&,
                                 int) {
  return {};
}

StudyResult sample_complexity(const Communicator&, const StudyProblem&, Monitor&) {
  throw std::logic_error("sample-complexity is not written yet");
}

}  // namespace ntkflow
