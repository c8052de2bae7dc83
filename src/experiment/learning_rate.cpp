#include <stdexcept>

#include "studies.hpp"

namespace ntkflow {

StudyCost learning_rate_cost(const ExperimentOptions&, const Architecture&, const DataShape&, int) {
  return {};
}

StudyResult learning_rate(const Communicator&, const StudyProblem&, Monitor&) {
  throw std::logic_error("learning-rate is not written yet");
}

}  // namespace ntkflow
