#pragma once

#include <array>
#include <cstdio>
#include <string>

#include <sys/wait.h>

#include <ntkflow/base/timer.hpp>

namespace ntkflow::test {

/// How a child program ended: its exit code (-1 for a signal), what it printed, how long it took.
struct Outcome {
  int code = -1;
  std::string output;
  double seconds = 0.0;
};

/// Runs a shell command to its end, both of its outputs read as one. Local.
inline Outcome run_command(const std::string& command) {
  const Stopwatch watch;
  Outcome outcome;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) {
    outcome.output.append(part.data(), size);
  }
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.seconds = watch.seconds();
  return outcome;
}

}  // namespace ntkflow::test
