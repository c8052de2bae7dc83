#pragma once

#include <cstdint>
#include <string>

namespace ntkflow {

/// How modules below the program report without printing: the program passes one in. Every rank may
/// call it; only rank 0's calls are shown. Local.
class Monitor {
 public:
  Monitor() = default;
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;
  Monitor(Monitor&&) = delete;
  Monitor& operator=(Monitor&&) = delete;
  virtual ~Monitor() = default;

  /// Part of the running phase that is done, in any unit.
  virtual void progress(std::int64_t done, std::int64_t total);
  /// Whether the run should end at its next safe point. Ranks may answer differently: whoever asks
  /// agrees on one rank's answer, and then throws InterruptedError on all.
  [[nodiscard]] virtual bool stop_requested() const;
  /// Something the user should know that does not stop the run.
  virtual void warning(const std::string& message);
};

/// A monitor that shows nothing.
Monitor& silent_monitor();

}  // namespace ntkflow
