#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ntkflow/config/run_config.hpp>

#include "table_reader.hpp"

// One function per table: reads its keys, checks each and what they say about each other. Problems
// go to the reader's collection; what could not be read keeps its default. All are Local.
namespace ntkflow::config {

/// A time grid as a configuration gives it, kept beside the times for printing.
struct TimeGrid {
  double start = 0.0;
  double stop = 0.0;
  std::int64_t count = 0;
  Spacing spacing = Spacing::log;
};

/// Times with the grid that they came from, if they are no list.
struct Times {
  std::vector<double> values;
  std::optional<TimeGrid> grid;
};
/// The grid that a table says, or nothing where it is wrong.
/// @param noun  what messages call one of its values
std::optional<TimeGrid> read_grid(const TableReader& table, std::int64_t most,
                                  std::string_view noun);
Times all_times(const TimeGrid& grid);
/// Whether t = infinity, alone as "infinity" or at the end of a list, is a time.
enum class Infinity { refused, allowed };
/// The key, `times` say, of a table that has it; nothing where it is wrong.
Times read_times(const TableReader& table, std::string_view key, Infinity infinity);
/// A key that is present: an ascending list of positive numbers, or a grid of them; nothing where
/// it is wrong.
Times read_positive(const TableReader& table, std::string_view key);
/// Of iterations in double precision: no smaller tolerance is within reach.
inline constexpr double kSmallestTolerance = 1e-14;
/// What a table without times of gradient flow gets: 25 from 1 to 1e6, in equal ratios.
inline constexpr TimeGrid kStandardTimes{1.0, 1e6, 25, Spacing::log};

/// `regression`, `dynamics`, `posterior` and `spectrum` with the grids of their ridges and times.
struct RegressionTable {
  RegressionOptions options;
  std::optional<TimeGrid> grid;
};
struct DynamicsTable {
  DynamicsOptions options;
  std::optional<TimeGrid> grid;
};
struct PosteriorTable {
  PosteriorOptions options;
  std::optional<TimeGrid> grid;
};
struct SpectrumTable {
  SpectrumOptions options;
  std::optional<TimeGrid> grid;
  std::optional<TimeGrid> ridge_grid;
};
/// Whether eigenpairs may come from products, which have a tolerance and a random start.
bool may_iterate(const SpectrumOptions& options);

/// @param folder  that relative paths are relative to.
DataOptions read_data(const TableReader& data, const std::string& folder);
KernelOptions read_kernel(const TableReader& kernel);
/// kernel.activation; nothing where it is absent or wrong.
std::optional<ActivationSpec> read_activation(const TableReader& kernel);
RegressionTable read_regression(const TableReader& regression);
DynamicsTable read_dynamics(const TableReader& dynamics);
/// @param kernel  of the run, which decides what may be trained.
PosteriorTable read_posterior(const TableReader& posterior, const KernelOptions& kernel);
/// [network] and [experiment]. @param study  of the command line, or empty
ExperimentOptions read_experiment(const TableReader& network, const TableReader& experiment,
                                  const std::string& study);
/// @param kernel  of the run, whose covariance the functions have.
RandomFunctionsOptions read_random_functions(const TableReader& functions,
                                             const KernelOptions& kernel);
SpectrumTable read_spectrum(const TableReader& spectrum);
/// @param output_file  of --output, relative to the working directory, instead of output.file.
OutputOptions read_output(const TableReader& output, const std::string& folder,
                          const std::optional<std::string>& output_file);
ParallelOptions read_parallel(const TableReader& parallel);

}  // namespace ntkflow::config
