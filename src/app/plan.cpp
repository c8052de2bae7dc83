#include "plan.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <sys/resource.h>

#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/spectrum/summary.hpp>

#include "report.hpp"

namespace ntkflow::app {
namespace {

constexpr std::int64_t kDouble = 8;

/// The largest part that any rank holds of `size` indices dealt to `processes`.
std::int64_t largest_local(std::int64_t size, std::int64_t block, int processes) {
  return BlockCyclic(size, block, processes, 0).local_size();
}

/// Local elements of an [rows x cols] matrix on the rank that holds most.
std::int64_t local_elements(const Plan& plan, std::int64_t rows, std::int64_t cols) {
  return largest_local(rows, plan.block, plan.grid.rows) *
         largest_local(cols, plan.block, plan.grid.cols);
}

/// Bytes in 64 bits; more than any machine has stays more than any machine has.
std::int64_t bounded_bytes(double bytes) {
  return static_cast<std::int64_t>(std::min(bytes, 0x1p60));
}

}  // namespace

std::int64_t StageMemory::bytes() const {
  std::int64_t sum = 0;
  for (const Item& item : items) {
    sum += item.bytes;
  }
  return sum;
}

const StageMemory& Plan::peak_stage() const {
  return *std::max_element(stages.begin(), stages.end(),
                           [](const auto& a, const auto& b) { return a.bytes() < b.bytes(); });
}

std::int64_t Plan::peak_bytes() const {
  return peak_stage().bytes();
}

const PhaseWork& Plan::phase(const std::string& name) const {
  const auto found =
      std::find_if(work.begin(), work.end(), [&](const auto& w) { return w.phase == name; });
  NTKFLOW_EXPECTS(found != work.end(), name);
  return *found;
}

namespace {

/// Values that the kernel keeps of each sample beside its inputs: its norm and its inverse, three
/// of each layer and, where norms differ and duals are numerical, the coefficients of series. How
/// many these are is known when the norms are; images need some 50 to 150 per layer.
std::int64_t kernel_values(const RunConfig& config) {
  constexpr std::int64_t kSeriesTerms = 128;
  const Architecture& architecture = config.kernel.architecture;
  const auto& steps = config.data.preprocess;
  const bool has_equal_norms =
      !steps.empty() &&
      (steps.back() == PreprocessStep::sphere || steps.back() == PreprocessStep::unit_norm ||
       steps.back() == PreprocessStep::standardize_samples);
  const bool has_series = has_numerical_duals(architecture.activation) && !has_equal_norms;
  // Deeper networks than this fit no memory in any case; the bound keeps sizes in 64 bits.
  const std::int64_t depth = std::min(architecture.depth, 1 << 20);
  return 2 + 3 * depth + (has_series ? (depth - 1) * kSeriesTerms : 0);
}

/// Puts a plan together stage by stage; each member adds the memory and the work of one.
class Planner {
 public:
  Planner(const RunConfig& config, const DataShape& shape, int ranks)
      : n_(shape.train_size), m_(shape.test_size), d_(shape.dimension), c_(shape.outputs) {
    plan_.shape = shape;
    plan_.ranks = ranks;
    plan_.grid = config.parallel.grid.value_or(automatic_grid(ranks));
    const std::int64_t needed = static_cast<std::int64_t>(plan_.grid.rows) * plan_.grid.cols;
    if (needed != ranks) {
      throw ConfigError(
          fmt::format("parallel.grid = [{}, {}] needs {} ranks, and there are {}; set it to "
                      "\"auto\" or start as many ranks",
                      plan_.grid.rows, plan_.grid.cols, needed, ranks));
    }
    constexpr std::int64_t kMostSamples = std::int64_t{1}
                                          << 28;  // keeps all sizes below in 64 bits
    if (n_ > kMostSamples || m_ > kMostSamples) {
      throw ResourceError(fmt::format(
          "{} training and {} test samples: a kernel matrix of more than {} rows fits no machine; "
          "reduce data.train_size or data.test_size",
          n_, m_, kMostSamples));
    }
    // A block larger than the matrix is the matrix; without the bound the libraries would size
    // workspaces by it.
    plan_.block = std::clamp<std::int64_t>(
        config.parallel.block_size.value_or(automatic_block_size(n_, plan_.grid)), 1,
        std::max<std::int64_t>(1, n_));
    slices_ = (largest_local(n_, plan_.block, plan_.grid.rows) +
               largest_local(n_, plan_.block, plan_.grid.cols) +
               largest_local(m_, plan_.block, plan_.grid.cols)) *
              (d_ + kernel_values(config)) * kDouble;
  }

  Plan finished() {
    plan_.file_bytes = bounded_bytes(file_bytes_) + (1 << 20);
    work("write", 0.0, file_bytes_, 1.0);
    return std::move(plan_);
  }

  void data() {
    stage("read data", {{"share of all samples", ((n_ + m_) / plan_.ranks + 1) * d_ * kDouble},
                        {"samples of rows and columns", slices_}});
    work("read data", 0.0, static_cast<double>((n_ + m_) * d_ * kDouble), 1.0);
    work("load samples", 0.0, static_cast<double>(slices_) * plan_.ranks, 1.0);
    file_bytes_ += static_cast<double>((n_ + m_) * (c_ + 2) * kDouble);
  }

  void kernel_output() {
    with_samples("kernel output", {{"kernel matrix", local_elements(plan_, n_, n_) * kDouble},
                                   {"transfer buffers", 2 * kGatherBytes}});
    work("kernel output", 2.0 * one_triangle() + cross_products(1), (square() + pairs()) * kDouble,
         kKernelRate);
    file_bytes_ += (square() + pairs()) * kDouble;
  }

  void kernel_by_depth(int depth) {
    const auto matrices = static_cast<double>(depth);
    with_samples(
        "kernel by depth",
        {{"kernel matrix of each depth",
          bounded_bytes(matrices * static_cast<double>(local_elements(plan_, n_, n_) * kDouble))},
         {"transfer buffers", 2 * kGatherBytes}});
    work("kernel by depth", 2.0 * matrices * one_triangle(), matrices * square() * kDouble,
         kKernelRate);
    file_bytes_ += matrices * square() * kDouble;
  }

  void initial_function() {
    const std::int64_t points = n_ + m_;
    with_samples("initial function",
                 {{"NNGP matrix", local_elements(plan_, points, points) * kDouble},
                  {"samples of the joint matrix", 2 * slices_},
                  {"draws", 4 * points * c_ * kDouble}});
    const auto order = static_cast<double>(points);
    work("initial function", order * order * (static_cast<double>(d_ + c_) + order / 3.0),
         order * order * kDouble, kFactorRate);
    limit([&] { check_cholesky_size(points, plan_.block, plan_.grid); });
  }

  void regression(const RegressionOptions& options) {
    const bool single = options.precision == Precision::single_precision;
    const std::int64_t real = single ? 4 : kDouble;
    const double speed = single ? 2.0 : 1.0;
    with_samples("regression",
                 {{"kernel matrix and its factor", local_elements(plan_, n_, n_) * real},
                  {"samples in single precision", single ? slices_ / 2 : 0},
                  {"coefficients, residuals, f0", (8 * n_ + 3 * m_) * c_ * kDouble}});
    const double stored = square() * static_cast<double>(real) / 2.0;
    work("gram", one_triangle(), stored, kKernelRate * speed);
    work("factor", static_cast<double>(n_) * square() / 3.0, stored, kFactorRate * speed);
    // At most 11 solves with one right-hand side (Higham 1988), each a pass over the factor at
    // memory speed.
    work("condition", 22.0 * square(), 0.0, kVectorRate * speed);
    work("solve", 2.0 * square() * static_cast<double>(c_), 0.0, 5.0 * kVectorRate * speed);
    work("residual", one_triangle() + 2.0 * square() * static_cast<double>(c_), 0.0, kKernelRate);
    if (m_ > 0) {
      work("test predictions", cross_products(1) + 2.0 * pairs() * static_cast<double>(c_), 0.0,
           kKernelRate);
    }
    limit([&] { check_cholesky_size(n_, plan_.block, plan_.grid); });
    file_bytes_ += static_cast<double>((n_ + m_) * c_ * kDouble);
  }

  void eigensystem() {
    const std::int64_t matrix = local_elements(plan_, n_, n_);
    with_samples("eigensystem",
                 {{"kernel matrix", matrix * kDouble},
                  {"eigenvectors", matrix * kDouble},
                  {"workspace of p?syevd", eigen_workspace(n_, plan_.block, plan_.grid) * kDouble},
                  {"residuals, f0", (3 * n_ + m_) * c_ * kDouble}});
    work("gram for eigen", one_triangle(), square() * kDouble / 2.0, kKernelRate);
    work("eigensystem", 9.0 * square() * static_cast<double>(n_), square() * kDouble, kEigenRate);
    limit([&] { check_eigen_size(n_, plan_.block, plan_.grid); });
  }

  void spectrum(const SpectrumOptions& options) {
    const std::int64_t count = std::min(n_, options.count.value_or(n_));
    const double vectors =
        options.vectors ? static_cast<double>(count) * static_cast<double>(n_) * kDouble : 0.0;
    with_samples("spectrum", {{"eigenvectors", local_elements(plan_, n_, n_) * kDouble},
                              {"probes", 6 * n_ * kProbes * kDouble},
                              {"transfer buffers", options.vectors ? 2 * kGatherBytes : 0}});
    work("spectrum", one_triangle() + 8.0 * square() * static_cast<double>(kProbes), vectors,
         kKernelRate);
    file_bytes_ += vectors;
  }

  void dynamics(const DynamicsOptions& options, bool store) {
    const auto times = static_cast<std::int64_t>(options.times.size());
    const std::int64_t one_time = std::max<std::int64_t>(1, std::max(n_, m_) * c_ * kDouble);
    plan_.times_per_batch = std::clamp<std::int64_t>(kTrajectoryBytes / one_time, 1, times);
    const std::int64_t columns = plan_.times_per_batch * c_;
    with_samples("dynamics", {{"eigenvectors", local_elements(plan_, n_, n_) * kDouble},
                              {"a batch of times on the training set", 7 * n_ * columns * kDouble},
                              {"a batch of times on the test set", 4 * m_ * columns * kDouble}});
    const auto all_columns = static_cast<double>(times * c_);
    const auto batches =
        static_cast<double>((times + plan_.times_per_batch - 1) / plan_.times_per_batch);
    work("dynamics",
         8.0 * square() * all_columns + batches * one_triangle() + cross_products(batches) +
             2.0 * pairs() * all_columns,
         0.0, kKernelRate);
    if (store) {
      file_bytes_ += static_cast<double>(times) * static_cast<double>(m_ * c_ * kDouble);
    }
  }

  void model() {
    with_samples("model",
                 {{"share of the training samples", (n_ / plan_.ranks + 1) * d_ * kDouble}});
    work("model", 0.0, static_cast<double>(n_ * d_ * kDouble), 1.0);
    file_bytes_ += static_cast<double>(n_ * d_ * kDouble);
  }

 private:
  // Fractions of the matrix-product rate that the phases reached on the machine of README's
  // measurements.
  static constexpr double kKernelRate = 0.65;
  static constexpr double kFactorRate = 0.7;
  static constexpr double kEigenRate =
      0.3;  // half of the reduction to tridiagonal form are matrix-vector products
  static constexpr double kVectorRate = 0.02;  // bound by memory

  void stage(const std::string& name, std::vector<StageMemory::Item> items) {
    items.push_back({"program, MPI, BLAS", kProgramBytes});
    items.push_back({"targets (whole)", (n_ + m_) * c_ * kDouble});
    plan_.stages.push_back({name, std::move(items)});
  }
  void with_samples(const std::string& name, std::vector<StageMemory::Item> items) {
    items.push_back({"samples of rows and columns", slices_});
    items.push_back({"tile buffer", KernelMatrix<double>::kTileBytes});
    stage(name, std::move(items));
  }
  void work(const char* phase, double flop, double bytes, double efficiency) {
    plan_.work.push_back({phase, flop, bytes, efficiency});
  }
  template <class Check>
  void limit(Check&& check) {
    try {
      check();
    } catch (const ResourceError& error) {
      plan_.broken_limits.emplace_back(error.what());
    }
  }
  [[nodiscard]] double square() const { return static_cast<double>(n_) * static_cast<double>(n_); }
  [[nodiscard]] double pairs() const { return static_cast<double>(n_) * static_cast<double>(m_); }
  [[nodiscard]] double one_triangle() const { return square() * static_cast<double>(d_); }
  [[nodiscard]] double cross_products(double repeats) const {
    return 2.0 * repeats * pairs() * static_cast<double>(d_);
  }

  std::int64_t n_;
  std::int64_t m_;
  std::int64_t d_;
  std::int64_t c_;
  std::int64_t slices_ = 0;
  double file_bytes_ = 0.0;
  Plan plan_;
};

}  // namespace

Plan make_plan(const RunConfig& config, const DataShape& shape, int ranks, PlannedCommand command) {
  Planner planner(config, shape, ranks);
  planner.data();
  if (command == PlannedCommand::gram || config.output.gram) {
    planner.kernel_output();
  }
  if (config.output.gram_depths) {
    planner.kernel_by_depth(config.kernel.architecture.depth);
  }
  if (command == PlannedCommand::gram) {
    return planner.finished();
  }
  if (config.dynamics && config.dynamics->initial == InitialFunction::gaussian_process) {
    planner.initial_function();
  }
  if (config.regression) {
    planner.regression(*config.regression);
  }
  if (config.dynamics || config.spectrum) {
    planner.eigensystem();
  }
  if (config.spectrum) {
    planner.spectrum(*config.spectrum);
  }
  if (config.dynamics) {
    planner.dynamics(*config.dynamics, config.output.predictions);
  }
  if (config.output.model) {
    planner.model();
  }
  return planner.finished();
}

int smallest_fitting_ranks(const RunConfig& config, const DataShape& shape,
                           std::int64_t bytes_per_rank, PlannedCommand command) {
  RunConfig automatic = config;
  automatic.parallel.grid.reset();
  automatic.parallel.block_size.reset();
  constexpr int kMost = 1 << 20;
  for (int ranks = 1; ranks <= kMost; ranks += ranks < 64 ? 1 : ranks / 64) {
    const Plan plan = make_plan(automatic, shape, ranks, command);
    if (plan.broken_limits.empty() && plan.peak_bytes() <= bytes_per_rank) {
      return ranks;
    }
  }
  return 0;
}

namespace {

/// The first number in a file, or -1.
std::int64_t read_number(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? value : -1;
}

/// The number after `name` in a file of lines "name value ...", or -1.
std::int64_t read_field(const std::filesystem::path& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string first;
    std::int64_t value = 0;
    if (fields >> first >> value && first == name) {
      return value;
    }
  }
  return -1;
}

/// What this process's control group (version 2) and all above it leave: a batch job or container
/// may be allowed less than the machine has. Page cache counts as used there, and can be taken
/// back.
std::int64_t left_by_control_groups() {
  std::int64_t left = std::numeric_limits<std::int64_t>::max();
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line) && !line.starts_with("0::")) {
  }
  const std::filesystem::path root = "/sys/fs/cgroup";
  std::filesystem::path group = line.size() > 4 ? line.substr(4) : "";  // after "0::/"
  while (true) {
    const std::filesystem::path folder = root / group;
    const std::int64_t limit = read_number(folder / "memory.max");
    const std::int64_t used = read_number(folder / "memory.current");
    if (limit >= 0 && used >= 0) {
      const std::int64_t cache =
          std::max<std::int64_t>(0, read_field(folder / "memory.stat", "inactive_file"));
      left = std::min(left, std::max<std::int64_t>(0, limit - used + cache));
    }
    if (group.empty()) {
      return left;
    }
    group = group.parent_path();
  }
}

}  // namespace

std::int64_t available_memory_per_rank(int ranks_on_node) {
  const std::int64_t kib = read_field("/proc/meminfo", "MemAvailable:");
  const std::int64_t machine = kib < 0 ? std::numeric_limits<std::int64_t>::max() : kib * 1024;
  return std::min(machine, left_by_control_groups()) / ranks_on_node;
}

std::int64_t peak_resident_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

std::string obstacle(const Plan& plan, const RunConfig& config, std::int64_t available_bytes,
                     PlannedCommand command) {
  std::string reason;
  if (!plan.broken_limits.empty()) {
    reason = plan.broken_limits.front();
  } else if (plan.peak_bytes() > available_bytes) {
    reason =
        fmt::format("stage '{}' needs {} on each of {} ranks, and {} is available to each",
                    plan.peak_stage().stage, format_bytes(static_cast<double>(plan.peak_bytes())),
                    plan.ranks, format_bytes(static_cast<double>(available_bytes)));
  } else {
    return "";
  }
  const int ranks = smallest_fitting_ranks(config, plan.shape, available_bytes, command);
  return reason + (ranks > 0
                       ? fmt::format("; the smallest number of ranks that fits, on an automatic "
                                     "grid with {} each, is {}",
                                     format_bytes(static_cast<double>(available_bytes)), ranks)
                       : "; no number of ranks with this memory each fits: reduce data.train_size");
}

std::string describe(const Plan& plan, std::int64_t available_bytes, double rate) {
  std::string text = fmt::format(
      "N = {} training, M = {} test samples, d = {}, C = {}\n{} ranks, grid {} x {}, block size "
      "{}\n\n",
      plan.shape.train_size, plan.shape.test_size, plan.shape.dimension, plan.shape.outputs,
      plan.ranks, plan.grid.rows, plan.grid.cols, plan.block);
  text += "memory per rank (largest rank)\n";
  for (const StageMemory& stage : plan.stages) {
    text += fmt::format("  {:<34} {:>12}{}\n", stage.stage,
                        format_bytes(static_cast<double>(stage.bytes())),
                        &stage == &plan.peak_stage() ? "  <- peak" : "");
    for (const auto& item : stage.items) {
      if (item.bytes > 0) {
        text += fmt::format("    {:<32} {:>12}\n", item.name,
                            format_bytes(static_cast<double>(item.bytes)));
      }
    }
  }
  text += fmt::format("  {:<34} {:>12}\n\n", "available",
                      format_bytes(static_cast<double>(available_bytes)));
  text += fmt::format("work (matrix product: {:.1f} GFLOP/s per rank)\n  {:<18} {:>12} {:>14}\n",
                      rate * 1e-9, "phase", "GFLOP", "about seconds");
  double total = 0.0;
  for (const PhaseWork& work : plan.work) {
    if (work.flop > 0.0) {
      const double seconds = work.flop / (rate * work.efficiency * static_cast<double>(plan.ranks));
      total += seconds;
      text += fmt::format("  {:<18} {:12.1f} {:14.1f}\n", work.phase, work.flop * 1e-9, seconds);
    }
  }
  text += fmt::format("  {:<18} {:>12} {:14.1f}\n\n", "total", "", total);
  text += fmt::format("result file: {}\n", format_bytes(static_cast<double>(plan.file_bytes)));
  for (const std::string& limit : plan.broken_limits) {
    text += "32-bit limit: " + limit + "\n";
  }
  if (plan.broken_limits.empty()) {
    text += "32-bit limits: none reached\n";
  }
  return text;
}

}  // namespace ntkflow::app
