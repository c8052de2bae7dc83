#include "plan.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <sys/resource.h>

#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/eigen.hpp>

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

Plan make_plan(const RunConfig& config, const DataShape& shape, int ranks, PlannedCommand command) {
  Plan plan;
  plan.shape = shape;
  plan.ranks = ranks;
  plan.grid = config.parallel.grid.value_or(automatic_grid(ranks));
  if (static_cast<std::int64_t>(plan.grid.rows) * plan.grid.cols != ranks) {
    throw ConfigError(
        fmt::format("parallel.grid = [{}, {}] needs {} ranks, and there are {}; set it to \"auto\" "
                    "or start as many ranks",
                    plan.grid.rows, plan.grid.cols,
                    static_cast<std::int64_t>(plan.grid.rows) * plan.grid.cols, ranks));
  }
  const std::int64_t n = shape.train_size;
  const std::int64_t m = shape.test_size;
  const std::int64_t d = shape.dimension;
  const std::int64_t c = shape.outputs;
  plan.block = config.parallel.block_size.value_or(automatic_block_size(n, plan.grid));

  const bool run = command == PlannedCommand::run;
  const bool single =
      config.regression && config.regression->precision == Precision::single_precision;
  const bool gram_output = !run || config.output.gram;
  const bool draws =
      run && config.dynamics && config.dynamics->initial == InitialFunction::gaussian_process;
  const bool eigen = run && (config.dynamics || config.spectrum);

  const std::int64_t row_samples = largest_local(n, plan.block, plan.grid.rows);
  const std::int64_t col_samples = largest_local(n, plan.block, plan.grid.cols);
  const std::int64_t test_samples = largest_local(m, plan.block, plan.grid.cols);
  const std::int64_t slices = (row_samples + col_samples + test_samples) * d * kDouble;
  const std::int64_t targets = (n + m) * c * kDouble;
  const std::int64_t tiles = KernelMatrix<double>::kTileBytes;
  const auto stage = [&](const std::string& name, std::vector<StageMemory::Item> items) {
    items.push_back({"program, MPI, BLAS", kProgramBytes});
    items.push_back({"targets (whole)", targets});
    plan.stages.push_back({name, std::move(items)});
  };
  const auto with_data = [&](const std::string& name, std::vector<StageMemory::Item> items) {
    items.push_back({"samples of rows and columns", slices});
    items.push_back({"tile buffers", tiles});
    stage(name, std::move(items));
  };
  const auto work = [&](const char* phase, double flop, double bytes, double efficiency) {
    plan.work.push_back({phase, flop, bytes, efficiency});
  };

  const double nn = static_cast<double>(n) * static_cast<double>(n);
  const auto dn = static_cast<double>(n);
  const auto dm = static_cast<double>(m);
  const auto dd = static_cast<double>(d);
  const auto dc = static_cast<double>(c);
  const double one_triangle = nn * dd;
  const double kernel_rate = 0.6;

  stage("read data", {{"share of all samples", ((n + m) / ranks + 1) * d * kDouble},
                      {"samples of rows and columns", slices}});
  work("read data", 0.0, (dn + dm) * dd * 8.0, 1.0);
  work("load samples", 0.0, static_cast<double>(slices) * ranks, 1.0);
  if (draws) {
    const std::int64_t points = n + m;
    with_data("initial function", {{"NNGP matrix", local_elements(plan, points, points) * kDouble},
                                   {"samples of the joint matrix", 2 * slices},
                                   {"draws", 4 * points * c * kDouble}});
    const double both = static_cast<double>(points);
    work("initial function", both * both * dd + both * both * both / 3.0 + both * both * dc,
         both * both * 8.0, 0.5);
  }
  if (gram_output) {
    with_data("kernel output", {{"kernel matrix", local_elements(plan, n, n) * kDouble},
                                {"transfer buffers", 2 * kTransferBytes}});
    work("kernel output", 2.0 * one_triangle + 2.0 * dn * dm * dd, (nn + dn * dm) * 8.0,
         kernel_rate);
  }
  if (run && config.regression) {
    const std::int64_t real = single ? 4 : 8;
    with_data("regression",
              {{"kernel matrix and its factor", local_elements(plan, n, n) * real},
               {"samples in single precision", single ? slices / 2 : 0},
               {"coefficients, residuals", 6 * n * c * kDouble + 2 * m * c * kDouble}});
    const double speed_up = single ? 2.0 : 1.0;
    work("gram", one_triangle, nn * static_cast<double>(real) / 2.0, kernel_rate * speed_up);
    work("factor", dn * nn / 3.0, nn * static_cast<double>(real) / 2.0, 0.5 * speed_up);
    // The condition estimate takes at most 11 solves with one right-hand side, each a pass over the
    // factor (Higham 1988).
    work("condition", 22.0 * nn, 0.0, 0.02 * speed_up);
    work("solve", 2.0 * nn * dc, 0.0, 0.1 * speed_up);
    work("residual", one_triangle + 2.0 * nn * dc, 0.0, kernel_rate);
    if (m > 0) {
      work("test predictions", 2.0 * dn * dm * (dd + dc), 0.0, kernel_rate);
    }
  }
  std::int64_t times = 0;
  if (run && config.dynamics) {
    times = static_cast<std::int64_t>(config.dynamics->times.size());
    plan.times_per_batch = std::clamp<std::int64_t>(
        kTrajectoryBytes / std::max<std::int64_t>(1, n * c * kDouble), 1, times);
  }
  if (eigen) {
    const std::int64_t matrix = local_elements(plan, n, n);
    const std::int64_t workspace = eigen_workspace(n, plan.block, plan.grid);
    with_data("eigensystem", {{"kernel matrix", matrix * kDouble},
                              {"eigenvectors", matrix * kDouble},
                              {"workspace of p?syevd", workspace * kDouble}});
    // Householder reduction runs at memory speed: half of its 4/3 n^3 flop are matrix-vector
    // products.
    work("gram for eigen", one_triangle, nn * 4.0, kernel_rate);
    work("eigensystem", 9.0 * nn * dn, nn * 8.0, 0.35);
    if (workspace > std::numeric_limits<std::int32_t>::max()) {
      plan.broken_limits.push_back(
          fmt::format("the eigensolver p?syevd needs a workspace of {} values on a rank, above its "
                      "32-bit limit of 2147483647",
                      workspace));
    }
    if (config.spectrum && config.spectrum->vectors) {
      with_data("eigenvector output",
                {{"eigenvectors", matrix * kDouble}, {"transfer buffers", 2 * kTransferBytes}});
    }
  }
  if (times > 0) {
    const std::int64_t columns = plan.times_per_batch * c;
    const double total = static_cast<double>(times) * dc;
    const double batches =
        static_cast<double>((times + plan.times_per_batch - 1) / plan.times_per_batch);
    with_data("dynamics", {{"eigenvectors", local_elements(plan, n, n) * kDouble},
                           {"trajectory (one batch of times)",
                            7 * n * columns * kDouble + 2 * m * columns * kDouble}});
    work("dynamics",
         6.0 * nn * total + batches * one_triangle + 2.0 * nn * total +
             2.0 * dn * dm * (batches * dd + total),
         0.0, 0.5);
  }
  const std::int64_t local = local_elements(plan, n, n);
  if (run && local > std::numeric_limits<std::int32_t>::max()) {
    plan.broken_limits.push_back(
        fmt::format("a rank's part of the kernel matrix has {} elements, above the 2147483647 that "
                    "p?potrf can index",
                    local));
  }

  double file = (dn + dm) * (dc * 8.0 + 16.0);
  file += run && config.regression ? (dn + dm) * dc * 8.0 : 0.0;
  file += gram_output ? (nn + dn * dm + dm) * 8.0 : 0.0;
  file += config.output.predictions ? static_cast<double>(times) * dm * dc * 8.0 : 0.0;
  file += run && config.output.model ? dn * dd * 8.0 : 0.0;
  if (run && config.spectrum && config.spectrum->vectors) {
    file += dn * static_cast<double>(config.spectrum->count.value_or(n)) * 8.0;
  }
  plan.file_bytes = static_cast<std::int64_t>(file) + (1 << 20);
  work("write", 0.0, file, 1.0);
  return plan;
}

int smallest_fitting_ranks(const RunConfig& config, const DataShape& shape,
                           std::int64_t bytes_per_rank, PlannedCommand command) {
  RunConfig automatic = config;
  automatic.parallel.grid.reset();
  constexpr int kMost = 1 << 20;
  for (int ranks = 1; ranks <= kMost; ranks += ranks < 64 ? 1 : ranks / 64) {
    const Plan plan = make_plan(automatic, shape, ranks, command);
    if (plan.broken_limits.empty() && plan.peak_bytes() <= bytes_per_rank) {
      return ranks;
    }
  }
  return 0;
}

std::int64_t available_memory_per_rank(int ranks_on_node) {
  std::int64_t available = std::numeric_limits<std::int64_t>::max();
  std::ifstream meminfo("/proc/meminfo");
  for (std::string line; std::getline(meminfo, line);) {
    std::istringstream fields(line);
    std::string name;
    std::int64_t kib = 0;
    if (fields >> name >> kib && name == "MemAvailable:") {
      available = kib * 1024;
    }
  }
  // A container or batch job may be allowed less than the machine has: control groups, version 2
  // and 1.
  const auto read_number = [](const char* path) {
    std::ifstream file(path);
    std::int64_t value = 0;
    return file >> value ? value : -1;
  };
  for (const auto& [limit_path, usage_path] :
       {std::pair{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
        std::pair{"/sys/fs/cgroup/memory/memory.limit_in_bytes",
                  "/sys/fs/cgroup/memory/memory.usage_in_bytes"}}) {
    const std::int64_t limit = read_number(limit_path);
    const std::int64_t usage = read_number(usage_path);
    if (limit > 0 && usage >= 0) {
      available = std::min(available, std::max<std::int64_t>(0, limit - usage));
    }
  }
  return available / ranks_on_node;
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
  return reason +
         (ranks > 0 ? fmt::format("; the smallest number of ranks that fits, with {} each, is {}",
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
