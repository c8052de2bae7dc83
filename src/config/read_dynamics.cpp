#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "read_ascending.hpp"
#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

constexpr double kStandardMomentum = 0.9;
constexpr std::int64_t kMostSteps = 1'000'000'000;
constexpr std::size_t kMostPoints = 100'000;

/// The times, or nothing where the table has them wrong.
Times read_flow_times(const TableReader& dynamics) {
  const toml::node* times = dynamics.find("times");
  if (times == nullptr) {
    return all_times(kStandardTimes);
  }
  if (times->value_exact<std::string>() == "infinity") {
    dynamics.complain("times",
                      "f at t = infinity is what [regression] computes; allowed: finite "
                      "times");
    return {};
  }
  return read_times(dynamics, "times", Infinity::refused);
}

/// The numbers of steps, or nothing where the table has them wrong: those of a grid rounded, each
/// once.
Times read_steps(const TableReader& dynamics) {
  const toml::node* node = dynamics.find("steps");
  if (node != nullptr && !node->is_table()) {
    const auto list = read_ascending<std::int64_t>(
        dynamics, "steps", {1, kMostPoints},
        [](std::int64_t steps) { return steps >= 0 && steps <= kMostSteps; });
    return {{list.begin(), list.end()}, std::nullopt};
  }
  Times steps = node == nullptr ? all_times(kStandardTimes)
                                : read_times(dynamics, "steps", Infinity::refused);
  const auto is_fine = [](double end) {
    return end == std::floor(end) && end <= static_cast<double>(kMostSteps);
  };
  if (steps.grid && !(is_fine(steps.grid->start) && is_fine(steps.grid->stop))) {
    dynamics.complain("steps",
                      "start and stop are numbers of steps; allowed: whole numbers up to "
                      "1000000000");
    return {};
  }
  std::transform(steps.values.begin(), steps.values.end(), steps.values.begin(),
                 [](double value) { return std::round(value); });
  steps.values.erase(std::unique(steps.values.begin(), steps.values.end()), steps.values.end());
  return steps;
}

/// The keys of an optimizer that takes steps, and the complaints where the flow has them.
void read_optimizer(const TableReader& dynamics, DynamicsOptions& options) {
  const auto refuse = [&](const char* key, const char* why) {
    if (dynamics.has(key)) {
      dynamics.complain(key, why);
    }
  };
  const bool is_flow = options.optimizer == Optimizer::flow;
  const bool has_momentum =
      options.optimizer == Optimizer::heavy_ball || options.optimizer == Optimizer::nesterov;
  if (is_flow) {
    for (const char* key : {"steps", "learning_rate", "unstable"}) {
      refuse(key,
             "gradient flow takes no steps; allowed with optimizer = \"gradient_descent\", "
             "\"heavy_ball\" or \"nesterov\"");
    }
  } else {
    refuse("times", "an optimizer is looked at after numbers of steps; give `steps` instead");
    if (options.time_unit == TimeUnit::absolute && !dynamics.has("learning_rate")) {
      dynamics.require("learning_rate");
    }
    options.learning_rate =
        dynamics.real("learning_rate", std::numeric_limits<double>::min()).value_or(1.0);
    options.unstable = dynamics.choice("unstable", kUnstableRates).value_or(options.unstable);
  }
  if (!has_momentum) {
    refuse("momentum", "allowed with optimizer = \"heavy_ball\" or \"nesterov\"");
    return;
  }
  options.momentum = dynamics.real("momentum", 0.0).value_or(kStandardMomentum);
  if (!(options.momentum < 1.0)) {
    dynamics.reject("momentum");
  }
}

}  // namespace

DynamicsTable read_dynamics(const TableReader& dynamics) {
  const Optimizer optimizer = dynamics.choice("optimizer", kOptimizers).value_or(Optimizer::flow);
  Times times = optimizer == Optimizer::flow ? read_flow_times(dynamics) : read_steps(dynamics);
  DynamicsTable read{{}, times.grid};
  DynamicsOptions& options = read.options;
  options.optimizer = optimizer;
  options.times = std::move(times.values);
  options.time_unit = dynamics.choice("time_unit", kTimeUnits).value_or(options.time_unit);
  read_optimizer(dynamics, options);
  options.initial = dynamics.choice("initial", kInitialFunctions).value_or(options.initial);
  options.seed = static_cast<std::uint64_t>(dynamics.integer("seed", 0).value_or(0));
  options.method = dynamics.choice("method", kFlowMethods).value_or(options.method);
  options.products = dynamics.choice("products", kFlowProducts).value_or(options.products);
  options.tolerance = dynamics.real("tolerance", kSmallestTolerance).value_or(options.tolerance);
  if (options.method == FlowMethod::spectral && options.products == FlowProducts::regenerated) {
    dynamics.complain("products",
                      "the spectral method has no products to regenerate; allowed with method = "
                      "\"krylov\" or \"auto\"");
  }
  return read;
}

}  // namespace ntkflow::config
