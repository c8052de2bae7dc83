#pragma once

#include <optional>
#include <string>
#include <vector>

#include <ntkflow/config/run_config.hpp>
#include <ntkflow/io/result_file.hpp>

namespace ntkflow::app {

enum class Command { run, plan, gram, predict, experiment, show, info };
enum class ProgressStyle { automatic, bar, lines, none };
enum class Verbosity { quiet, normal, verbose };

/// What the user typed, checked for form.
struct CommandLine {
  Command command = Command::info;
  std::string file;                        ///< CONFIG, MODEL.h5 or FILE.h5
  std::vector<std::string> settings;       ///< --set
  std::optional<std::string> output_file;  ///< --output
  Overwrite overwrite = Overwrite::no;
  Verbosity verbosity = Verbosity::normal;
  std::string log_json;
  ProgressStyle progress = ProgressStyle::automatic;
  // plan
  std::optional<int> ranks;
  std::optional<std::int64_t> memory_per_rank;  ///< bytes
  // predict
  std::string inputs;
  std::string format;
  // experiment
  std::string study;
  std::string text;  ///< the whole command line, for the result file
};

/// What parsing ends with: a command to run, or a text to print (help, version) and nothing more to
/// do.
struct ParsedCommandLine {
  std::optional<CommandLine> command_line;
  std::string text;
};

/// Local. Throws ConfigError for anything that is not a valid command line.
ParsedCommandLine parse_command_line(int argc, char** argv);

/// "16GiB", "512MB", "1e9" ... in bytes. Throws ConfigError. Local.
std::int64_t parse_bytes(const std::string& text);

}  // namespace ntkflow::app
