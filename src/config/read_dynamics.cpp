#include <string>
#include <utility>

#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

constexpr double kSmallestTolerance = 1e-14;

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
  return read_times(dynamics, Infinity::refused);
}

}  // namespace

DynamicsTable read_dynamics(const TableReader& dynamics) {
  Times times = read_flow_times(dynamics);
  DynamicsTable read{{}, times.grid};
  DynamicsOptions& options = read.options;
  options.times = std::move(times.values);
  options.time_unit = dynamics.choice("time_unit", kTimeUnits).value_or(options.time_unit);
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
