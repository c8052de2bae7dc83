#include "ntkflow/dist/collectively.hpp"

#include <new>

namespace ntkflow {

ExitCode exit_code_of(const std::exception& error) {
  if (const auto* ours = dynamic_cast<const Error*>(&error)) {
    return ours->exit_code();
  }
  if (dynamic_cast<const std::bad_alloc*>(&error) != nullptr) {
    return ExitCode::resources;
  }
  return ExitCode::internal;
}

}  // namespace ntkflow
