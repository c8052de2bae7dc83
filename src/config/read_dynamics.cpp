#include <cmath>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

/// What interface and README promise where the table names no times.
constexpr TimeGrid kStandardGrid{1.0, 1e6, 25, Spacing::log};
constexpr std::int64_t kMostTimes = 100'000;
constexpr double kSmallestTolerance = 1e-14;

/// Both ends are exact.
std::vector<double> grid_times(const TimeGrid& grid) {
  std::vector<double> times;
  times.reserve(grid.count);
  for (std::int64_t i = 0; i < grid.count; ++i) {
    const double part = i == 0 ? 0.0 : static_cast<double>(i) / static_cast<double>(grid.count - 1);
    times.push_back(grid.spacing == Spacing::log
                        ? std::pow(grid.start, 1.0 - part) * std::pow(grid.stop, part)
                        : grid.start * (1.0 - part) + grid.stop * part);
  }
  return times;
}

bool ascends(const std::vector<double>& times) {
  for (std::size_t i = 1; i < times.size(); ++i) {
    if (!(times[i - 1] < times[i])) {
      return false;
    }
  }
  return true;
}

std::optional<TimeGrid> read_grid(const TableReader& times) {
  const auto start = times.real("start", 0.0);
  const auto stop = times.real("stop", 0.0);
  const auto count = times.integer("count", 1, kMostTimes);
  const auto spacing = times.has("spacing") ? times.choice("spacing", kSpacings) : Spacing::log;
  for (const char* key : {"start", "stop", "count"}) {
    if (!times.has(key)) {
      times.require(key);
    }
  }
  if (!start || !stop || !count || !spacing) {
    return std::nullopt;
  }
  const TimeGrid grid{*start, *stop, *count, *spacing};
  if (grid.spacing == Spacing::log && grid.start == 0.0) {
    times.reject("start");
    return std::nullopt;
  }
  if (grid.count == 1 && grid.stop != grid.start) {
    times.complain("count",
                   "one time cannot reach from start to stop; allowed: at least 2, or "
                   "stop = start");
    return std::nullopt;
  }
  if (grid.count > 1 && !(grid.start < grid.stop)) {
    times.reject("stop");
    return std::nullopt;
  }
  if (!ascends(grid_times(grid))) {
    times.complain("count",
                   "so many times between start and stop are too close for doubles to "
                   "tell them apart; allowed: fewer");
    return std::nullopt;
  }
  return grid;
}

std::vector<double> read_list(const TableReader& dynamics, const toml::array& list) {
  std::vector<double> times;
  if (list.empty() || std::cmp_greater(list.size(), kMostTimes)) {
    dynamics.complain("times", fmt::format("found a list of {} times; allowed: 1 to {}",
                                           list.size(), kMostTimes));
    return times;
  }
  for (const toml::node& element : list) {
    const auto time = element.is_number() ? element.value<double>() : std::nullopt;
    if (!time || !std::isfinite(*time) || *time < 0.0 ||
        (!times.empty() && !(times.back() < *time))) {
      dynamics.reject("times", element);
      return {};
    }
    times.push_back(*time);
  }
  return times;
}

}  // namespace

DynamicsTable read_dynamics(const TableReader& dynamics) {
  DynamicsTable read;
  DynamicsOptions& options = read.options;
  const toml::node* times = dynamics.find("times");
  if (times == nullptr) {
    read.grid = kStandardGrid;
  } else if (const toml::array* list = times->as_array()) {
    options.times = read_list(dynamics, *list);
  } else if (times->is_table()) {
    read.grid = read_grid(dynamics.subtable("times"));
  } else if (times->value_exact<std::string>() == "infinity") {
    dynamics.complain("times",
                      "f at t = infinity is what [regression] computes; allowed: finite "
                      "times");
  } else {
    dynamics.reject("times");
  }
  if (read.grid) {
    options.times = grid_times(*read.grid);
  }
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
