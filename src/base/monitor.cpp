#include "ntkflow/base/monitor.hpp"

namespace ntkflow {

void Monitor::progress(std::int64_t /*done*/, std::int64_t /*total*/) {}
bool Monitor::stop_requested() const {
  return false;
}
void Monitor::warning(const std::string& /*message*/) {}

Monitor& silent_monitor() {
  static Monitor monitor;
  return monitor;
}

}  // namespace ntkflow
