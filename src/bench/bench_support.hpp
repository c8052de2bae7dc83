#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <boost/math/statistics/univariate_statistics.hpp>
#include <fmt/format.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/mpi_session.hpp>
#include <ntkflow/dist/process_grid.hpp>
#include <ntkflow/linalg/local.hpp>

// What the benchmark drivers share: options, repeats between barriers, and the CSV line.
namespace ntkflow::bench {

/// Options of every driver, so that one command line fits all of them.
struct Options {
  std::int64_t n = 4000;
  std::int64_t d = 784;
  int depth = 3;
  int repeats = 5;
  std::string grid = "auto";
  std::optional<std::int64_t> block;  ///< absent: automatic
  std::string precision = "double";
  int threads = 1;
};

inline void add_options(CLI::App& app, Options& options) {
  app.option_defaults()->always_capture_default();
  const CLI::Range positive(1, 1'000'000'000);
  app.add_option("--n", options.n, "order of the matrix")->check(positive);
  app.add_option("--d", options.d, "values per sample; recorded where the phase uses no samples")
      ->check(positive);
  app.add_option("--depth", options.depth, "layers; recorded where the phase evaluates no kernel")
      ->check(positive);
  app.add_option("--repeats", options.repeats, "measurements behind each median")->check(positive);
  app.add_option("--grid", options.grid, "process grid, as 2x3, or auto");
  app.add_option("--block", options.block, "block size; automatic when absent")->check(positive);
  app.add_option("--precision", options.precision, "precision of the matrix")
      ->check(CLI::IsMember({"double", "single"}));
  app.add_option("--threads", options.threads, "BLAS threads per rank")->check(positive);
}

/// The grid that the text names; ProcessGrid::create says whether it fits the ranks. Local.
inline GridShape parse_grid(const std::string& text, int ranks) {
  if (text == "auto") {
    return automatic_grid(ranks);
  }
  GridShape shape;
  char times = 0;
  std::istringstream in(text);
  if (!(in >> shape.rows >> times >> shape.cols) || times != 'x' || !in.eof()) {
    throw ConfigError("--grid = \"" + text + "\" is neither auto nor ROWSxCOLUMNS, as 2x3");
  }
  return shape;
}

/// Seconds that `work` takes between two barriers, the same on all ranks. Collective over comm.
template <class Work>
double timed(const Communicator& comm, Work&& work) {
  comm.barrier();
  const Stopwatch watch;
  std::forward<Work>(work)();
  comm.barrier();
  return comm.max(watch.seconds());
}

/// Times of a phase and of its bare counterpart, in seconds.
struct Samples {
  std::vector<double> phase;
  std::vector<double> bare;
};

/// Calls `phase` and `bare`, which return seconds, in turn, so that both see the same disturbances;
/// a first pair warms up and is not counted. Collective over what they are collective over.
template <class Phase, class Bare>
Samples alternate(int repeats, Phase&& phase, Bare&& bare) {
  Samples samples;
  for (int repeat = -1; repeat < repeats; ++repeat) {
    const double bare_seconds = bare();
    const double phase_seconds = phase();
    if (repeat >= 0) {
      samples.bare.push_back(bare_seconds);
      samples.phase.push_back(phase_seconds);
    }
  }
  return samples;
}

inline double median(std::vector<double> values) {
  return boost::math::statistics::median(values);
}

/// The median of combine(phase, bare) over the pairs that were measured together: a disturbance of
/// both, as by other programs, drops out of a ratio or difference.
template <class Combine>
double paired_median(const Samples& samples, Combine&& combine) {
  std::vector<double> values(samples.phase.size());
  std::transform(samples.phase.begin(), samples.phase.end(), samples.bare.begin(), values.begin(),
                 combine);
  return median(std::move(values));
}

/// @param more  names of further columns, each after a comma; likewise their values below
inline void print_header(const std::string& more = "") {
  fmt::print(
      "phase,version,n,d,depth,ranks,grid_rows,grid_cols,block,threads,precision,repeats,seconds,"
      "min_seconds,bare_seconds,ratio,gflops,bare_gflops{}\n",
      more);
}

/// One CSV line: medians, of seconds / bare_seconds over pairs for the ratio, rates of all ranks
/// together for `flops` operations. For rank 0. Local.
inline void print_line(const std::string& phase, const Options& options, GridShape grid,
                       std::int64_t block, double flops, const Samples& samples,
                       const std::string& more = "") {
  const double seconds = median(samples.phase);
  const double bare_seconds = median(samples.bare);
  const double min_seconds = *std::min_element(samples.phase.begin(), samples.phase.end());
  fmt::print("{},{},{},{},{},{},{},{},{},{},{},{},{:.6f},{:.6f},{:.6f},{:.3f},{:.2f},{:.2f}{}\n",
             phase, NTKFLOW_VERSION, options.n, options.d, options.depth, grid.rows * grid.cols,
             grid.rows, grid.cols, block, options.threads, options.precision, options.repeats,
             seconds, min_seconds, bare_seconds, paired_median(samples, std::divides<>()),
             flops / seconds * 1e-9, flops / bare_seconds * 1e-9, more);
  std::fflush(stdout);
}

/// The main function of a driver: starts MPI, parses the options of `app`, runs body(world), and
/// turns errors into a line on stderr and an exit code. Collective over MPI_COMM_WORLD.
template <class Body>
int run_driver(int argc, char** argv, CLI::App& app, const Options& options, Body&& body) {
  const MpiSession session(argc, argv);
  const auto world = Communicator::world();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (world.rank() == 0) {
      app.exit(error);
    }
    return static_cast<int>(error.get_exit_code() == 0 ? ExitCode::success : ExitCode::usage);
  }
  try {
    set_blas_threads(options.threads);
    std::forward<Body>(body)(world);
  } catch (const std::exception& error) {
    if (world.rank() == 0) {
      fmt::print(stderr, "{}\n", error.what());
    }
    return static_cast<int>(exit_code_of(error));
  }
  return static_cast<int>(ExitCode::success);
}

}  // namespace ntkflow::bench
