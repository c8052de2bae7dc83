#include "command_line.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <ntkflow_version.h>

#include <ntkflow/base/error.hpp>

namespace ntkflow::app {
namespace {

const std::map<std::string, ProgressStyle> kProgressStyles{{"auto", ProgressStyle::automatic},
                                                           {"bar", ProgressStyle::bar},
                                                           {"lines", ProgressStyle::lines},
                                                           {"none", ProgressStyle::none}};

std::string version_line() {
  return fmt::format("ntkflow {} ({})", NTKFLOW_VERSION, NTKFLOW_GIT_REVISION);
}

/// An option that the command has no use for is a mistake, not a decoration.
void refuse_idle_options(const CommandLine& line, bool overwrite) {
  const Command command = line.command;
  const bool has_config = command == Command::run || command == Command::gram ||
                          command == Command::plan || command == Command::experiment;
  const bool has_output = has_config || command == Command::predict;
  const bool has_phases = has_output && command != Command::plan;
  const auto refuse = [](bool given, bool used, const char* option) {
    if (given && !used) {
      throw ConfigError(fmt::format("this command has no use for {}", option));
    }
  };
  refuse(!line.settings.empty(), has_config, "--set");
  refuse(line.output_file.has_value(), has_output, "--output");
  refuse(overwrite, has_output, "--overwrite");
  refuse(!line.log_json.empty(), has_phases, "--log-json");
  refuse(line.verbosity == Verbosity::quiet, command != Command::show && command != Command::info,
         "--quiet");
}

}  // namespace

std::int64_t parse_bytes(const std::string& text) {
  static const std::map<std::string, double> units{
      {"", 1.0},       {"B", 1.0},    {"kB", 1e3},     {"KB", 1e3},     {"MB", 1e6},
      {"GB", 1e9},     {"TB", 1e12},  {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30},
      {"TiB", 0x1p40}, {"K", 0x1p10}, {"M", 0x1p20},   {"G", 0x1p30},   {"T", 0x1p40}};
  std::size_t used = 0;
  double value = 0.0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  const auto unit = units.find(text.substr(used));
  if (used == 0 || unit == units.end() || !(value > 0.0) || !(value * unit->second < 0x1p62)) {
    throw ConfigError(
        fmt::format("'{}' is not an amount of memory; write for example 16GiB or 500MB", text));
  }
  return static_cast<std::int64_t>(std::llround(value * unit->second));
}

ParsedCommandLine parse_command_line(int argc, char** argv) {
  CommandLine line;
  for (int i = 0; i < argc; ++i) {
    line.text += (i > 0 ? " " : "") + std::string(argv[i]);
  }
  CLI::App app{"Distributed regression with the Neural Tangent Kernel", "ntkflow"};
  app.set_version_flag("--version", version_line());
  app.require_subcommand(1);
  app.fallthrough();
  bool quiet = false;
  bool verbose = false;
  bool overwrite = false;
  bool resume = false;
  std::string max_hours;
  std::string memory;

  app.add_option("--set", line.settings,
                 "table.key=VALUE, applied over the configuration (any number)")
      ->allow_extra_args(false);
  app.add_option("--output", line.output_file, "result file, instead of output.file");
  app.add_flag("--overwrite", overwrite, "replace an existing result file");
  app.add_flag("--resume", resume, "not available in this version: nothing is checkpointed");
  app.add_option("--max-hours", max_hours, "not available in this version: runs cannot stop early");
  app.add_flag("--quiet", quiet, "print errors only");
  app.add_flag("--verbose", verbose, "print the effective configuration and more detail");
  app.add_option("--log-json", line.log_json, "write one JSON object per event to this file");
  std::string progress = "auto";
  app.add_option("--progress", progress, "auto, bar, lines or none")
      ->check(CLI::IsMember({"auto", "bar", "lines", "none"}));

  const auto command = [&](const char* name, const char* about, Command which) {
    auto* sub = app.add_subcommand(name, about);
    sub->callback([&line, which] { line.command = which; });
    sub->fallthrough();
    sub->footer("Options of all commands: ntkflow --help");
    return sub;
  };
  auto* run = command(
      "run", "the main job: data, Gram matrix, every stage of the configuration, one HDF5 file",
      Command::run);
  run->add_option("CONFIG", line.file, "configuration (TOML)")->required();
  run->footer("Options of all commands: ntkflow --help\n\nConfiguration:\n" + config_help());
  auto* plan = command("plan", "computes nothing: memory, flops, limits, and whether it fits",
                       Command::plan);
  plan->add_option("CONFIG", line.file, "configuration (TOML)")->required();
  plan->add_option("--ranks", line.ranks, "number of ranks to plan for")
      ->check(CLI::Range(1, 1 << 24));
  plan->add_option("--memory-per-rank", memory, "memory that each rank may use, as 16GiB");
  command("gram", "only the kernel matrices, written to HDF5", Command::gram)
      ->add_option("CONFIG", line.file, "configuration (TOML)")
      ->required();
  auto* predict = command("predict", "applies a stored model to new inputs", Command::predict);
  predict->add_option("MODEL", line.file, "result file of a run with output.model = true")
      ->required();
  predict->add_option("--inputs", line.inputs, "new inputs, as data.train.inputs")->required();
  predict->add_option("--format", line.format,
                      "idx, hdf5 or csv; default: that of the training data");
  auto* experiment =
      command("experiment", "a study of the theory: networks of finite width beside their limit",
              Command::experiment);
  experiment->add_option("NAME", line.study, fmt::format("{}", fmt::join(study_names(), ", ")))
      ->required();
  experiment->add_option("CONFIG", line.file,
                         "configuration (TOML); absent: the one that inputs/NAME.toml holds");
  command("show", "prints what a result file holds", Command::show)
      ->add_option("FILE", line.file, "result file")
      ->required();
  command("info", "versions and features", Command::info);

  try {
    const auto is_named = [&](const CLI::App* sub) { return sub->get_name() == argv[1]; };
    if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_named).empty()) {
      throw ConfigError(
          fmt::format("there is no command '{}'; commands are run, plan, gram, predict, "
                      "experiment, show and info",
                      argv[1]));
    }
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, app.help()};
  } catch (const CLI::CallForVersion&) {
    return {std::nullopt, version_line() + "\n"};
  } catch (const CLI::ParseError& error) {
    throw ConfigError(std::string(error.what()) + "; see ntkflow --help");
  }
  if (resume || !max_hours.empty()) {
    throw ConfigError(
        "--resume and --max-hours are not available in this version, which writes no checkpoints");
  }
  if (quiet && verbose) {
    throw ConfigError("--quiet and --verbose exclude each other");
  }
  const auto studies = study_names();
  if (line.command == Command::experiment &&
      std::find(studies.begin(), studies.end(), line.study) == studies.end()) {
    throw ConfigError(fmt::format("there is no experiment '{}'; experiments are {}", line.study,
                                  fmt::join(studies, ", ")));
  }
  line.progress = kProgressStyles.at(progress);
  line.verbosity = quiet ? Verbosity::quiet : verbose ? Verbosity::verbose : Verbosity::normal;
  refuse_idle_options(line, overwrite);
  if (line.command == Command::predict && !line.output_file) {
    throw ConfigError("predict needs --output FILE");
  }
  if (!memory.empty()) {
    line.memory_per_rank = parse_bytes(memory);
  }
  line.overwrite = overwrite ? Overwrite::yes : Overwrite::no;
  return {line, ""};
}

}  // namespace ntkflow::app
