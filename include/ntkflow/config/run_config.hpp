#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ntkflow/base/error.hpp>
#include <ntkflow/data/options.hpp>
#include <ntkflow/dist/process_grid.hpp>
#include <ntkflow/dynamics/options.hpp>
#include <ntkflow/experiment/options.hpp>
#include <ntkflow/kernel/architecture.hpp>
#include <ntkflow/kernel/named_kernel.hpp>
#include <ntkflow/regression/options.hpp>
#include <ntkflow/spectrum/options.hpp>

namespace ntkflow {

struct KernelOptions {
  KernelType type = KernelType::ntk;
  Architecture architecture;
  EvaluationPath evaluation = EvaluationPath::automatic;
  std::optional<NamedKernel> named{};  ///< whose architecture this is, type nngp; absent: a network
};

struct OutputOptions {
  std::string file;          ///< resolved path
  bool predictions = true;   ///< store test outputs
  bool gram = false;         ///< store the kernel matrices
  bool gram_depths = false;  ///< store the training kernel of every depth up to the network's
  bool model = false;        ///< store what `ntkflow predict` needs
};

struct ParallelOptions {
  std::optional<GridShape> grid;           ///< absent: automatic
  std::optional<std::int64_t> block_size;  ///< absent: automatic
  std::optional<int> threads;              ///< absent: automatic
};

/// Everything that a configuration says, checked. A stage runs when its table is present.
struct RunConfig {
  DataOptions data;
  KernelOptions kernel;
  std::optional<RegressionOptions> regression;
  std::optional<DynamicsOptions> dynamics;
  std::optional<PosteriorOptions> posterior;
  std::optional<RandomFunctionsOptions> random_functions;
  std::optional<SpectrumOptions> spectrum;
  std::optional<ExperimentOptions> experiment;  ///< exactly with ConfigPurpose::experiment
  OutputOptions output;
  ParallelOptions parallel;
  std::string effective_toml;  ///< every option with the value in force; reading it again gives the
                               ///< same RunConfig
};

/// Which tables a configuration may hold: the stages of a run, or the networks of a study.
enum class ConfigPurpose { run, experiment };

/// Where a configuration comes from.
struct ConfigSource {
  std::string text;                   ///< TOML
  std::string path;                   ///< of the file, for messages and relative paths; empty: none
  std::vector<std::string> settings;  ///< "table.key=VALUE" of --set, in order, TOML value syntax
  std::optional<std::string> output_file;  ///< --output, relative to the working directory
  ConfigPurpose purpose = ConfigPurpose::run;
  std::string study{};  ///< name of the study on the command line; empty: experiment.name says it
};

/// Reads and checks a configuration. Local (pure: no files, only the environment for ${NAME}).
/// Throws one ConfigError whose text lists all problems, a line each, with file, line, key, what
/// was found and what is allowed.
RunConfig parse_config(const ConfigSource& source);

/// An activation as a configuration would write it on one line: "relu", or the table of a name or
/// an expression with its parameters. Reading it again gives the same spec. Local.
std::string activation_toml(const ActivationSpec& activation);

/// A named kernel on one line: "rbf, length_scale 0.5". Local.
std::string named_kernel_text(const NamedKernel& kernel);

/// Names of all studies, and of one. Local.
std::vector<std::string> study_names();
std::string to_string(Study study);

/// Every table and key with its meaning and what it may hold, two lines each, for --help. Local.
std::string config_help();

}  // namespace ntkflow
