#pragma once

#include <algorithm>
#include <cstdint>

#include <ntkflow/base/timer.hpp>

namespace ntkflow::bench {

/// Clock rate in Hz of the core that this thread runs on: one integer addition per cycle, each
/// waiting for the one before. The fastest of several short trials, which an interruption of others
/// does not spoil; 1 ms in all. Unlike the time-stamp counter it follows the core's real rate.
/// Local.
inline double clock_rate() {
  constexpr int kTrials = 16;
  constexpr std::int64_t kAdditions = 160'000;
  constexpr std::int64_t kUnrolled = 16;  // hides the loop's own instructions
  double fastest = 0.0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::int64_t sum = 0;
    std::int64_t step = trial;
    const Stopwatch watch;
    for (std::int64_t i = 0; i < kAdditions; i += kUnrolled) {
#pragma GCC unroll 16
      for (std::int64_t k = 0; k < kUnrolled; ++k) {
        sum += step;
        asm volatile("" : "+r"(sum), "+r"(step));  // the compiler may not merge additions
      }
    }
    fastest = std::max(fastest, static_cast<double>(kAdditions) / watch.seconds());
  }
  return fastest;
}

}  // namespace ntkflow::bench
