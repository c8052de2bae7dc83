#pragma once

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <ntkflow/base/monitor.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/communicator.hpp>

#include "command_line.hpp"
#include "plan.hpp"

namespace ntkflow::app {

/// One row of the timing table.
struct Phase {
  PhaseWork planned;
  double seconds = 0.0;  ///< maximum over the ranks
};

/// What the user sees: rank 0 alone prints, phase by phase; every rank takes part in the timing.
/// With --log-json each event is also a line of JSON.
class Report : public Monitor {
 public:
  /// Opens the JSON log on rank 0. Collective over comm.
  Report(const Communicator& comm, const CommandLine& line);
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;
  Report(Report&&) = delete;
  Report& operator=(Report&&) = delete;
  ~Report() override;

  /// A line of text, unless --quiet. Local.
  void line(const std::string& text);
  /// The same, only with --verbose. Local.
  void detail(const std::string& text);
  void warning(const std::string& message) override;
  void progress(std::int64_t done, std::int64_t total) override;
  [[nodiscard]] bool stop_requested() const override;
  /// A named number for the JSON log. Local.
  void value(const std::string& name, double value);

  /// Runs one phase of the program and returns what it returns. Collective over comm. The phase's
  /// time is the maximum over the ranks. Throws InterruptedError on all ranks instead if one of
  /// them was asked to stop.
  template <class Work>
  auto phase(const PhaseWork& planned, Work&& work) {
    stop_if_requested(planned.phase);
    begin_phase(planned.phase);
    if constexpr (std::is_void_v<decltype(work())>) {
      std::forward<Work>(work)();
      end_phase(planned);
    } else {
      auto result = std::forward<Work>(work)();
      end_phase(planned);
      return result;
    }
  }

  /// Runs work that tells itself how long its parts took; `name` labels its progress. The parts
  /// follow as record(). Collective.
  template <class Work>
  auto untimed(const std::string& name, Work&& work) {
    stop_if_requested(name);
    begin_phase(name);
    auto result = std::forward<Work>(work)();
    current_.clear();
    return result;
  }
  /// Adds a row to the timing table. @param seconds  the same on all ranks.
  void record(const PhaseWork& planned, double seconds);
  /// The same for a phase that did its work `repeats` times, perhaps not as often as planned.
  void record(PhaseWork planned, double seconds, double repeats);

  [[nodiscard]] const std::vector<Phase>& phases() const noexcept { return phases_; }
  /// The timing table as text, with the predicted times.
  [[nodiscard]] std::string timing_table() const;

  /// Throws InterruptedError on all ranks if one of them was asked to stop; the writing of finished
  /// results is not stopped. Collective over comm.
  void stop_if_requested(const std::string& next_phase) const;

 private:
  void begin_phase(const std::string& name);
  void end_phase(const PhaseWork& planned);
  void clear_bar();

  struct Log;
  const Communicator* comm_;
  ProgressStyle style_;
  Verbosity verbosity_;
  std::unique_ptr<Log> log_;
  std::string current_;
  Stopwatch watch_;
  int tenth_ = 0;
  double step_begin_ = 0.0;  ///< of the running phase
  double last_shown_ = 0.0;
  bool bar_shown_ = false;
  std::vector<Phase> phases_;
};

/// "812.3 MiB". Local.
std::string format_bytes(double bytes);

}  // namespace ntkflow::app
