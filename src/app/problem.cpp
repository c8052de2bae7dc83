#include "problem.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <ntkflow_version.h>
#include <sched.h>

#include <ntkflow/base/hash.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dynamics/training_rule.hpp>
#include <ntkflow/io/result_file.hpp>
#include <ntkflow/linalg/local.hpp>

#include "built_in.hpp"
#include "feasibility.hpp"
#include "plan_text.hpp"

namespace ntkflow::app {

std::vector<std::string> input_files(const std::string& config, const DataOptions& data) {
  std::vector<std::string> files;
  if (!config.empty()) {
    files.push_back(config);
  }
  for (std::string name :
       {data.train.inputs, data.train.targets, data.test.inputs, data.test.targets}) {
    if (data.format == DataFormat::hdf5) {
      name = name.substr(0, name.rfind(":/"));
    }
    if (!name.empty()) {
      files.push_back(name);
    }
  }
  return files;
}

namespace {

std::string read_text(const std::string& path) {
  if (std::filesystem::is_directory(path)) {
    throw ConfigError(fmt::format("the configuration {} is a folder; name a TOML file", path));
  }
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    // An empty file also sets failbit on `text`; it is then a configuration without its required
    // tables.
    if (!file || file.bad() || file.peek() != std::ifstream::traits_type::eof()) {
      throw ConfigError(
          fmt::format("cannot read the configuration {}: {}", path, std::strerror(errno)));
    }
  }
  return text.str();
}

template <class Real>
std::shared_ptr<const KernelEvaluator<Real>> make_evaluator(const Problem& problem) {
  std::shared_ptr<const KernelEvaluator<Real>> evaluator;
  collectively(problem.grid->comm(), [&] {
    evaluator = std::make_shared<const KernelEvaluator<Real>>(
        problem.config.kernel.architecture, problem.plan.shape.dimension,
        problem.dataset->norm_range(), problem.config.kernel.evaluation);
  });
  return evaluator;
}

/// Loads samples and prepares them for the kernel; overflowing layer variances are a failure of all
/// ranks.
template <class Real>
std::shared_ptr<const KernelSamples<Real>> prepare_samples(const Problem& problem,
                                                           const KernelEvaluator<Real>& evaluator,
                                                           Matrix<Real> x) {
  std::shared_ptr<const KernelSamples<Real>> samples;
  collectively(problem.grid->comm(), [&] {
    samples = std::make_shared<const KernelSamples<Real>>(evaluator, std::move(x));
  });
  return samples;
}

template <class Real>
std::shared_ptr<const KernelSamples<Real>> load_axis(const Problem& problem,
                                                     const KernelEvaluator<Real>& evaluator,
                                                     Split split, const BlockCyclic& map) {
  return prepare_samples(problem, evaluator,
                         problem.dataset->load<Real>(split, local_positions(map)).x);
}

BlockCyclic row_map(const Problem& problem, std::int64_t size) {
  return {size, problem.plan.block, problem.grid->shape().rows, problem.grid->row()};
}
BlockCyclic col_map(const Problem& problem, std::int64_t size) {
  return {size, problem.plan.block, problem.grid->shape().cols, problem.grid->col()};
}

}  // namespace

std::vector<std::int64_t> local_positions(const BlockCyclic& map) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(map.local_size()));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    positions[i] = map.to_global({static_cast<std::int64_t>(i)}).value;
  }
  return positions;
}

RunConfig read_config(const Communicator& comm, const CommandLine& line) {
  // Rank 0 reads file and environment; the others read its effective text, so that all run the same
  // configuration even where environments differ.
  const ConfigPurpose purpose =
      line.command == Command::experiment ? ConfigPurpose::experiment : ConfigPurpose::run;
  RunConfig config;
  collectively(comm, [&] {
    if (comm.rank() == 0) {
      const std::string text =
          line.file.empty() ? built_in_configuration(line.study) : read_text(line.file);
      config =
          parse_config({text, line.file, line.settings, line.output_file, purpose, line.study});
    }
  });
  std::string effective = config.effective_toml;
  comm.broadcast(effective, 0);
  collectively(comm, [&] {
    config = parse_config({effective, "", {}, std::nullopt, purpose});
    if (config.dynamics && config.dynamics->time_unit == TimeUnit::inverse_lambda_max) {
      // In this unit the rate is stable for all kernel matrices or for none; a ridge makes it less.
      require_stable(*config.dynamics, training_rule(*config.dynamics, 1.0), 1.0);
    }
  });
  const auto hash = static_cast<std::int64_t>(hash_text(config.effective_toml));
  NTKFLOW_EXPECTS(comm.min(hash) == comm.max(hash), hash);
  return config;
}

int choose_threads(const Communicator& comm, const ParallelOptions& options, Monitor& monitor) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  const int cores = sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
  const Communicator node = comm.split_by_node();
  // Ranks bound to cores of their own share none of them; unbound ranks share them all. The number
  // of ranks that may run on this rank's first core tells the two apart.
  int first_core = 0;
  while (first_core < CPU_SETSIZE - 1 && !CPU_ISSET(first_core, &allowed)) {
    ++first_core;
  }
  std::int64_t sharing = 0;
  for (const std::int64_t other : node.all_gather(static_cast<std::int64_t>(first_core))) {
    sharing += other == first_core ? 1 : 0;
  }
  const int fair = std::max(1, cores / static_cast<int>(sharing));
  int threads = fair;
  if (options.threads) {
    threads = *options.threads;
  } else if (const char* environment = std::getenv("OMP_NUM_THREADS")) {
    threads = std::max(1, std::atoi(environment));
  }
  if (comm.max(static_cast<std::int64_t>(threads > fair ? 1 : 0)) != 0) {
    monitor.warning(
        fmt::format("{} threads per rank are more than the cores that a rank may run on ({}, "
                    "shared by {} ranks); "
                    "with mpirun, --map-by slot:PE={} --bind-to core gives each rank its own",
                    threads, cores, sharing, threads));
  }
  set_blas_threads(threads);
  return threads;
}

namespace {

/// Part of the predicted time that is spent on measuring what it is predicted from.
constexpr double kCalibrationShare = 0.02;

/// Makes the automatic choices of problem.config and plans it; refuses what does not fit.
/// Collective over comm.
void plan_problem(const Communicator& comm, const DataShape& shape, const AvailableMemory& memory,
                  const Target& target, Problem& problem) {
  collectively(comm, [&] {
    Choice choice = choose(problem.config, shape, target);
    if (const std::string reason = obstacle(choice, problem.config, target, memory);
        !reason.empty()) {
      throw ResourceError("this problem does not fit: " + reason);
    }
    problem.config = std::move(choice.config);
    problem.plan = std::move(choice.plan);
    problem.reasons = std::move(choice.reasons);
    problem.target = target;
  });
}

}  // namespace

Problem prepare(const Communicator& comm, const CommandLine& line, PlannedCommand command,
                Report& report) {
  Problem problem;
  const RunConfig configured = read_config(comm, line);
  problem.config = configured;
  problem.threads = choose_threads(comm, problem.config.parallel, report);
  report.detail(problem.config.effective_toml);

  // Everything that can be refused is refused before work starts: sizes, grid, memory, limits, the
  // output's place.
  DataShape shape;
  collectively(comm, [&] {
    shape = inspect_data(problem.config.data);
    check_counts(problem.config, shape);
    if (const std::string fault = blas_self_test(); !fault.empty()) {
      throw ResourceError(fault);
    }
  });
  const AvailableMemory memory = least_available_memory(comm);
  Target target{comm.size(), memory.bytes, command, Calibration{}};
  plan_problem(comm, shape, memory, target, problem);
  // What nominal rates call a moment is not worth a measurement as long, nor more memory.
  target.rates = calibrate(
      comm, std::min(kCalibrationSeconds, kCalibrationShare * problem.plan.total_seconds()),
      std::min(kCalibrationBytes, problem.plan.peak_bytes() / 2));
  problem.config = configured;
  plan_problem(comm, shape, memory, target, problem);
  check_output(comm, problem.config.output.file, line.overwrite, problem.plan.file_bytes,
               input_files(line.file, problem.config.data));
  problem.grid = ProcessGrid::create(comm, problem.plan.grid);

  report.line(fmt::format("ntkflow {} ({}), {} rank{} x {} thread{}, grid {} x {}, block size {}",
                          NTKFLOW_VERSION, NTKFLOW_GIT_REVISION, comm.size(),
                          comm.size() == 1 ? "" : "s", problem.threads,
                          problem.threads == 1 ? "" : "s", problem.plan.grid.rows,
                          problem.plan.grid.cols, problem.plan.block));
  report.line(fmt::format("{} training and {} test samples, {} inputs, {} output{}",
                          shape.train_size, shape.test_size, shape.dimension, shape.outputs,
                          shape.outputs == 1 ? "" : "s"));
  report.detail(describe(target.rates));
  for (const std::string& choice : describe(problem.reasons, problem.config)) {
    report.line(choice);
  }
  report.line(fmt::format("predicted: {}; {} per rank of {} available, in stage '{}'",
                          format_seconds(problem.plan.total_seconds()),
                          format_bytes(static_cast<double>(problem.plan.peak_bytes())),
                          format_bytes(static_cast<double>(memory.bytes)),
                          problem.plan.peak_stage().stage));

  if (command == PlannedCommand::run && !problem.config.regression && !problem.config.dynamics &&
      !problem.config.posterior && !problem.config.spectrum && !problem.config.random_functions &&
      !problem.config.output.gram && !problem.config.output.gram_depths) {
    report.warning(
        "the configuration asks for no stage: add [regression], [dynamics], [posterior], "
        "[spectrum], [random_functions] or output.gram = true");
  }
  report.phase(problem.plan.phase("read data"), [&] {
    problem.dataset = std::make_unique<Dataset>(comm, problem.config.data, report);
  });
  if (const std::int64_t count = problem.dataset->duplicate_count(); count > 0) {
    const DuplicatePair& pair = problem.dataset->duplicates().front();
    report.warning(
        fmt::format("{} training sample{} an earlier one after preprocessing, the first being {} "
                    "and {}; without "
                    "a ridge the kernel matrix is singular",
                    count, count == 1 ? " repeats" : "s repeat", pair.first, pair.second));
  }
  return problem;
}

Matrix<double> load_joint(const Problem& problem, const BlockCyclic& map) {
  std::vector<std::int64_t> train;
  std::vector<std::int64_t> test;
  for (const std::int64_t position : local_positions(map)) {
    if (position < problem.train_size()) {
      train.push_back(position);
    } else {
      test.push_back(position - problem.train_size());
    }
  }
  const Matrix<double> first = problem.dataset->load<double>(Split::train, train).x;
  const Matrix<double> second = problem.dataset->load<double>(Split::test, test).x;
  Matrix<double> joint;
  collectively(problem.grid->comm(), [&] {
    joint = Matrix<double>(problem.plan.shape.dimension, first.cols() + second.cols());
    std::copy_n(first.data(), first.size(), joint.data());
    std::copy_n(second.data(), second.size(), joint.data() + first.size());
  });
  return joint;
}

template <class Real>
TrainingKernel<Real> load_training_kernel(const Problem& problem) {
  TrainingKernel<Real> kernel;
  kernel.evaluator = make_evaluator<Real>(problem);
  const BlockCyclic rows = row_map(problem, problem.train_size());
  const BlockCyclic cols = col_map(problem, problem.train_size());
  kernel.rows = load_axis(problem, *kernel.evaluator, Split::train, rows);
  const auto col_samples = load_axis(problem, *kernel.evaluator, Split::train, cols);
  kernel.matrix = std::make_unique<KernelMatrix<Real>>(problem.grid, kernel.evaluator,
                                                       problem.config.kernel.type, rows,
                                                       kernel.rows, cols, col_samples);
  return kernel;
}

template TrainingKernel<float> load_training_kernel(const Problem&);
template TrainingKernel<double> load_training_kernel(const Problem&);

KernelMatrix<double> load_test_kernel(const Problem& problem,
                                      const TrainingKernel<double>& training) {
  const BlockCyclic cols = col_map(problem, problem.test_size());
  return {problem.grid,
          training.evaluator,
          problem.config.kernel.type,
          row_map(problem, problem.train_size()),
          training.rows,
          cols,
          load_axis(problem, *training.evaluator, Split::test, cols)};
}

KernelMatrix<double> load_test_nngp(const Problem& problem,
                                    const TrainingKernel<double>& training) {
  const BlockCyclic rows = row_map(problem, problem.test_size());
  const BlockCyclic cols = col_map(problem, problem.test_size());
  return {problem.grid,
          training.evaluator,
          KernelType::nngp,
          rows,
          load_axis(problem, *training.evaluator, Split::test, rows),
          cols,
          load_axis(problem, *training.evaluator, Split::test, cols)};
}

KernelMatrix<double> load_joint_nngp(const Problem& problem) {
  const auto evaluator = make_evaluator<double>(problem);
  const std::int64_t points = problem.train_size() + problem.test_size();
  const BlockCyclic rows = row_map(problem, points);
  const BlockCyclic cols = col_map(problem, points);
  return {problem.grid,
          evaluator,
          KernelType::nngp,
          rows,
          prepare_samples(problem, *evaluator, load_joint(problem, rows)),
          cols,
          prepare_samples(problem, *evaluator, load_joint(problem, cols))};
}

}  // namespace ntkflow::app
