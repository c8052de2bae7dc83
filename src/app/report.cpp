#include "report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/mpi_session.hpp>

#include "stop_signal.hpp"

namespace ntkflow::app {

struct Report::Log {
  std::shared_ptr<spdlog::logger> screen;
  std::shared_ptr<spdlog::logger> problems;
  std::shared_ptr<spdlog::logger> json;  ///< null without --log-json

  void event(const nlohmann::json& fields) const {
    if (json) {
      // A path may hold bytes that are no UTF-8; the log must not fail for it.
      json->info(fields.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
      json->flush();
    }
  }
};

namespace {

ProgressStyle chosen_style(const CommandLine& line) {
  if (line.verbosity == Verbosity::quiet) {
    return ProgressStyle::none;
  }
  if (line.progress != ProgressStyle::automatic) {
    return line.progress;
  }
  // Under a launcher isatty answers for a pipe or a pseudo-terminal of the launcher's, not for the
  // user's screen.
  return !MpiSession::has_launcher() && isatty(STDOUT_FILENO) == 1 ? ProgressStyle::bar
                                                                   : ProgressStyle::lines;
}

/// The sink would make missing folders, and replace whatever is there.
void check_log(const CommandLine& line) {
  const std::filesystem::path log = line.log_json;
  if (!log.parent_path().empty() && !std::filesystem::is_directory(log.parent_path())) {
    throw IoError(fmt::format("cannot write the log {}: there is no folder {}", line.log_json,
                              log.parent_path().string()));
  }
  std::error_code ignored;
  if (std::filesystem::equivalent(log, line.file, ignored)) {
    throw ConfigError(fmt::format(
        "--log-json {} is the file that the command reads; choose another name", line.log_json));
  }
  if (std::filesystem::exists(log) && line.overwrite == Overwrite::no) {
    throw OutputExistsError(
        fmt::format("the log {} exists; give another name or --overwrite", line.log_json));
  }
}

}  // namespace

Report::Report(const Communicator& comm, const CommandLine& line)
    : comm_(&comm),
      style_(chosen_style(line)),
      verbosity_(line.verbosity),
      log_(std::make_unique<Log>()) {
  collectively(comm, [&] {
    if (comm.rank() != 0) {
      return;
    }
    const auto plain = [](const char* name, spdlog::sink_ptr sink) {
      auto logger = std::make_shared<spdlog::logger>(name, std::move(sink));
      logger->set_pattern("%v");
      return logger;
    };
    log_->screen = plain("screen", std::make_shared<spdlog::sinks::stdout_sink_st>());
    log_->problems = plain("problems", std::make_shared<spdlog::sinks::stderr_sink_st>());
    if (!line.log_json.empty()) {
      check_log(line);
      try {
        log_->json =
            plain("json", std::make_shared<spdlog::sinks::basic_file_sink_st>(line.log_json, true));
      } catch (const spdlog::spdlog_ex& error) {
        throw IoError(fmt::format("cannot write the log {}: {}", line.log_json, error.what()));
      }
      log_->json->set_pattern("%v");
      log_->event({{"event", "start"}, {"command", line.text}, {"ranks", comm.size()}});
    }
  });
}

Report::~Report() {
  if (comm_->rank() == 0) {
    log_->event({{"event", "end"}, {"ok", std::uncaught_exceptions() == 0}});
  }
}

void Report::clear_bar() {
  if (bar_shown_) {
    std::fputs("\r\033[K", stdout);
    std::fflush(stdout);
    bar_shown_ = false;
  }
}

void Report::line(const std::string& text) {
  if (comm_->rank() == 0 && verbosity_ != Verbosity::quiet) {
    clear_bar();
    log_->screen->info(text);
    log_->screen->flush();
  }
}

void Report::detail(const std::string& text) {
  if (verbosity_ == Verbosity::verbose) {
    line(text);
  }
}

void Report::warning(const std::string& message) {
  if (comm_->rank() != 0) {
    return;
  }
  clear_bar();
  if (verbosity_ != Verbosity::quiet) {
    log_->problems->warn("ntkflow: warning: " + message);
    log_->problems->flush();
  }
  log_->event({{"event", "warning"}, {"message", message}});
}

void Report::value(const std::string& name, double value) {
  if (comm_->rank() == 0) {
    log_->event({{"event", "value"}, {"name", name}, {"value", value}});
  }
}

bool Report::stop_requested() const {
  return stop_signal_received();
}

void Report::stop_if_requested(const std::string& next_phase) const {
  const bool is_last = next_phase == "write";
  if (!is_last && comm_->max(std::int64_t{stop_requested() ? 1 : 0}) != 0) {
    throw InterruptedError(
        fmt::format("stopped on request before the phase '{}'; nothing is written", next_phase));
  }
}

void Report::begin_phase(const std::string& name) {
  current_ = name;
  tenth_ = 0;
  step_begin_ = 0.0;
  last_shown_ = 0.0;
  watch_.reset();
  if (comm_->rank() == 0) {
    log_->event({{"event", "phase_begin"}, {"phase", name}});
  }
  progress(0, 1);
}

void Report::progress(std::int64_t done, std::int64_t total) {
  if (comm_->rank() != 0 || style_ == ProgressStyle::none || total <= 0 || current_.empty()) {
    return;
  }
  const double fraction =
      std::clamp(static_cast<double>(done) / static_cast<double>(total), 0.0, 1.0);
  const double seconds = watch_.seconds();
  if (style_ == ProgressStyle::bar) {
    if (done > 0 && seconds - last_shown_ < 0.1) {
      return;
    }
    last_shown_ = seconds;
    constexpr int kWidth = 30;
    const int filled = static_cast<int>(fraction * kWidth);
    fmt::print("\r  {:<18} [{:#<{}}{:<{}}] {:3.0f} %", current_, "", filled, "", kWidth - filled,
               100.0 * fraction);
    std::fflush(stdout);
    bar_shown_ = true;
    return;
  }
  // One line per tenth, for phases long enough that somebody may wonder.
  constexpr double kLongSeconds = 10.0;
  const int tenth = static_cast<int>(fraction * 10.0);
  if (tenth < tenth_) {  // the next step of several
    tenth_ = 0;
    step_begin_ = seconds;
  }
  if (tenth > tenth_ && seconds - step_begin_ > kLongSeconds && tenth < 10) {
    line(fmt::format("  {:<18} {:3d} %  {:8.1f} s", current_, 10 * tenth, seconds));
  }
  tenth_ = std::max(tenth_, tenth);
}

void Report::end_phase(const PhaseWork& planned) {
  record(planned, comm_->max(watch_.seconds()));
  current_.clear();
}

void Report::record(const PhaseWork& planned, double seconds) {
  phases_.push_back({planned, seconds});
  const std::string rate =
      planned.flop > 0.0 ? fmt::format("  {:8.1f} GFLOP/s", planned.flop / seconds * 1e-9) : "";
  line(fmt::format("  {:<18} {:8.2f} s{}", planned.phase, seconds, rate));
  if (comm_->rank() == 0) {
    log_->event({{"event", "phase_end"},
                 {"phase", planned.phase},
                 {"seconds", seconds},
                 {"predicted_seconds", planned.seconds},
                 {"flop", planned.flop},
                 {"bytes", planned.bytes}});
  }
}

void Report::record(PhaseWork planned, double seconds, double repeats) {
  planned.flop *= repeats / planned.repeats;
  record(planned, seconds);
}

std::string Report::timing_table() const {
  double total = 0.0;
  double predicted = 0.0;
  for (const Phase& phase : phases_) {
    total += phase.seconds;
    predicted += phase.planned.seconds;
  }
  // A command without a plan predicts nothing.
  const auto prediction = [&](double seconds) {
    return predicted > 0.0 ? fmt::format(" {:10.3f}", seconds) : std::string();
  };
  std::string table =
      fmt::format("  {:<18} {:>10}{} {:>7} {:>10} {:>10} {:>10}\n", "phase", "seconds",
                  predicted > 0.0 ? "  predicted" : "", "share", "GFLOP", "GFLOP/s", "MiB");
  for (const auto& [planned, seconds] : phases_) {
    table += fmt::format("  {:<18} {:10.3f}{} {:6.1f}% {:10.1f} {:10.1f} {:10.1f}\n", planned.phase,
                         seconds, prediction(planned.seconds), 100.0 * seconds / total,
                         planned.flop * 1e-9, seconds > 0.0 ? planned.flop / seconds * 1e-9 : 0.0,
                         planned.bytes / 0x1p20);
  }
  return table + fmt::format("  {:<18} {:10.3f}{}", "total", total, prediction(predicted));
}

std::string format_bytes(double bytes) {
  static constexpr std::array<const char*, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024.0 && unit + 1 < kUnits.size()) {
    bytes /= 1024.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

}  // namespace ntkflow::app
