#include <stdexcept>

#include "studies.hpp"

namespace ntkflow {

template <class Real>
StudyResult finite_width_bound(const Communicator&, const StudyProblem&, Monitor&) {
  throw std::logic_error("finite-width-bound is not written yet");
}

template StudyResult finite_width_bound<float>(const Communicator&, const StudyProblem&, Monitor&);
template StudyResult finite_width_bound<double>(const Communicator&, const StudyProblem&, Monitor&);

}  // namespace ntkflow
