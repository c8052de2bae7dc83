#include "plan_text.hpp"

#include <fmt/format.h>

#include "report.hpp"

namespace ntkflow::app {
namespace {

std::string bytes_text(double bytes) {
  return format_bytes(bytes);
}
std::string bytes_text(std::int64_t bytes) {
  return format_bytes(static_cast<double>(bytes));
}

std::string grid_text(const Plan& plan) {
  return fmt::format("{} x {}", plan.grid.rows, plan.grid.cols);
}

std::string memory_text(const Plan& plan, const Target& target) {
  std::string text = fmt::format("memory per rank (largest rank)\n");
  for (const StageMemory& stage : plan.stages) {
    text += fmt::format("  {:<34} {:>12}{}\n", stage.stage, bytes_text(stage.bytes()),
                        &stage == &plan.peak_stage() ? "  <- peak" : "");
    for (const auto& item : stage.items) {
      if (item.bytes > 0) {
        text += fmt::format("    {:<32} {:>12}\n", item.name, bytes_text(item.bytes));
      }
    }
  }
  return text + fmt::format("  {:<34} {:>12}\n", "available", bytes_text(target.bytes_per_rank));
}

std::string work_text(const Plan& plan) {
  constexpr const char* kRow = "  {:<18} {:14.1f} {:>12} {:14.2f}\n";
  std::string text = fmt::format("  {:<18} {:>14} {:>12} {:>14}\n", "work of all ranks", "GFLOP",
                                 "stored", "about seconds");
  double flop = 0.0;
  for (const PhaseWork& work : plan.work) {
    flop += work.flop;
    text += fmt::format(kRow, work.phase, work.flop * 1e-9,
                        work.bytes > 0.0 ? bytes_text(work.bytes) : "-", work.seconds);
  }
  return text + fmt::format(kRow, "total", flop * 1e-9, "-", plan.total_seconds());
}

std::string limits_text(const Plan& plan) {
  std::string text = fmt::format("32-bit limits (largest rank)\n");
  for (const Limit& limit : plan.limits) {
    text += fmt::format("  {:<46} {:>20} of {}{}\n", limit.name, limit.value, limit.bound,
                        limit.holds() ? "" : "  <- exceeded");
  }
  return text;
}

}  // namespace

std::string describe(const Calibration& rates) {
  std::string text = fmt::format(
      "rates of a rank, measured with {} at work: matrix product {:.1f} (single precision {:.1f}) "
      "GFLOP/s, memory read {:.1f} and first used {:.1f} GB/s\n",
      rates.ranks, rates.product_double * 1e-9, rates.product_single * 1e-9,
      rates.read_bandwidth * 1e-9, rates.fresh_bandwidth * 1e-9);
  return text + fmt::format("broadcasts, {}: {:.1f} us, {:.1f} GB/s\n",
                            rates.ranks > 1 ? "measured" : "assumed for want of other ranks",
                            rates.latency * 1e6, rates.link_bandwidth * 1e-9);
}

std::vector<std::string> describe(const ChoiceReasons& reasons, const RunConfig& config) {
  std::vector<std::string> lines;
  if (!reasons.precision.empty()) {
    lines.push_back(fmt::format("precision {}: {}", precision_name(config), reasons.precision));
  }
  if (!reasons.method.empty()) {
    lines.push_back(fmt::format("method {}: {}", method_name(config), reasons.method));
  }
  if (!reasons.spectrum.empty()) {
    lines.push_back(fmt::format("spectrum {}: {}", spectrum_method_name(config), reasons.spectrum));
  }
  if (!reasons.path.empty()) {
    lines.push_back(fmt::format("ridge path {}: {}", path_method_name(config), reasons.path));
  }
  return lines;
}

std::string describe(const Choice& choice, const Target& target) {
  const Plan& plan = choice.plan;
  std::string text = fmt::format(
      "N = {} training, M = {} test samples, d = {}, C = {}\n{} rank{}, grid {}, block size {}\n",
      plan.shape.train_size, plan.shape.test_size, plan.shape.dimension, plan.shape.outputs,
      plan.ranks, plan.ranks == 1 ? "" : "s", grid_text(plan), plan.block);
  for (const std::string& line : describe(choice.reasons, choice.config)) {
    text += fmt::format("{}\n", line);
  }
  text += fmt::format("\n{}\n{}\nresult file: {}\n", memory_text(plan, target), work_text(plan),
                      bytes_text(plan.file_bytes));
  return plan.limits.empty() ? text : fmt::format("{}\n{}", text, limits_text(plan));
}

std::string rank_table(const RunConfig& config, const DataShape& shape, const Target& target) {
  constexpr int kMostRanks = 4096;
  RunConfig automatic = config;
  automatic.parallel.grid.reset();
  automatic.parallel.block_size.reset();
  std::string text = fmt::format("other numbers of ranks, automatic grid, {} each\n",
                                 bytes_text(target.bytes_per_rank));
  text += fmt::format("  {:>5} {:>9} {:>12} {:>11}  {:<9} {:<8}  {}\n", "ranks", "grid",
                      "memory/rank", "about", "precision", "method", "fits");
  Target other = target;
  for (other.ranks = 1; other.ranks <= kMostRanks; other.ranks *= 2) {
    const Choice choice = choose(automatic, shape, other);
    const Plan& plan = choice.plan;
    const char* verdict = plan.broken_limit() != nullptr     ? "no: 32-bit limit"
                          : plan.fits(target.bytes_per_rank) ? "yes"
                                                             : "no: memory";
    text +=
        fmt::format("  {:>5} {:>9} {:>12} {:>11}  {:<9} {:<8}  {}\n", other.ranks, grid_text(plan),
                    bytes_text(plan.peak_bytes()), format_seconds(plan.total_seconds()),
                    precision_name(choice.config), method_name(choice.config), verdict);
  }
  return text;
}

}  // namespace ntkflow::app
