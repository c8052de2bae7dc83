#include "ntkflow/base/contract.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace ntkflow::contract {
namespace {
std::atomic<AbortHook> abort_hook{nullptr};
}

void set_abort_hook(AbortHook hook) noexcept {
  abort_hook = hook;
}

void fail(const char* file, int line, const char* condition, const std::string& values) noexcept {
  std::fprintf(stderr, "ntkflow: internal error at %s:%d: %s does not hold;%s\n", file, line,
               condition, values.c_str());
  std::fflush(stderr);
  if (const AbortHook hook = abort_hook) {
    hook();
  }
  std::abort();
}

}  // namespace ntkflow::contract
