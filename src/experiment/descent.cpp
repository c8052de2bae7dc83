#include <stdexcept>

#include "studies.hpp"

namespace ntkflow {

template <class Real>
StudyResult descent(const Communicator&, const StudyProblem&, Monitor&) {
  throw std::logic_error("descent is not written yet");
}

template StudyResult descent<float>(const Communicator&, const StudyProblem&, Monitor&);
template StudyResult descent<double>(const Communicator&, const StudyProblem&, Monitor&);

}  // namespace ntkflow
