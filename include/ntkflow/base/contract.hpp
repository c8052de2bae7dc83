#pragma once

#include <sstream>
#include <string>

namespace ntkflow::contract {

/// What a broken contract (a bug of ours) calls after printing; MpiSession installs MPI_Abort here.
/// The default is std::abort.
using AbortHook = void (*)();
void set_abort_hook(AbortHook hook) noexcept;

/// Prints place, condition and values to stderr and calls the abort hook. Local.
[[noreturn]] void fail(const char* file, int line, const char* condition,
                       const std::string& values) noexcept;

template <class... Values>
std::string format_values(const Values&... values) {
  std::ostringstream out;
  ((out << ' ' << values), ...);
  return out.str();
}

}  // namespace ntkflow::contract

/// A precondition whose violation is a bug of the caller. Always on; the further arguments are
/// printed.
#define NTKFLOW_EXPECTS(condition, ...)                                           \
  do {                                                                            \
    if (!(condition)) {                                                           \
      ::ntkflow::contract::fail(__FILE__, __LINE__, #condition,                   \
                                ::ntkflow::contract::format_values(__VA_ARGS__)); \
    }                                                                             \
  } while (false)

/// As NTKFLOW_EXPECTS, for checks too slow for release builds.
#ifdef NTKFLOW_DEBUG
#define NTKFLOW_ASSERT(...) NTKFLOW_EXPECTS(__VA_ARGS__)
#else
#define NTKFLOW_ASSERT(...) static_cast<void>(0)
#endif
