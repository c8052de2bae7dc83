#include <stdexcept>

#include "studies.hpp"

namespace ntkflow {

StudyCost boolean_cube_cost(const ExperimentOptions&, const Architecture&, const DataShape&, int) {
  return {};
}

StudyResult boolean_cube(const Communicator&, const StudyProblem&, Monitor&) {
  throw std::logic_error("boolean-cube is not written yet");
}

}  // namespace ntkflow
