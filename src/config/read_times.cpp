#include <cmath>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "read_ascending.hpp"
#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

constexpr std::int64_t kMostTimes = 100'000;

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

std::vector<double> read_list(const TableReader& table, std::string_view key,
                              const toml::array& list, Infinity infinity) {
  std::vector<double> times;
  if (list.empty() || std::cmp_greater(list.size(), kMostTimes)) {
    table.complain(
        key, fmt::format("found a list of {} times; allowed: 1 to {}", list.size(), kMostTimes));
    return times;
  }
  for (const toml::node& element : list) {
    const auto time = element.is_number() ? element.value<double>() : std::nullopt;
    const bool is_time =
        time && (std::isfinite(*time) || (infinity == Infinity::allowed &&
                                          *time == std::numeric_limits<double>::infinity()));
    if (is_time && *time >= 0.0 && !times.empty() && !(times.back() < *time)) {
      table.reject(key, element, kMustAscend);
      return {};
    }
    if (!is_time || *time < 0.0) {
      table.reject(key, element);
      return {};
    }
    times.push_back(*time);
  }
  return times;
}

}  // namespace

std::optional<TimeGrid> read_grid(const TableReader& table, std::int64_t most,
                                  std::string_view noun) {
  const auto start = table.real("start", 0.0);
  const auto stop = table.real("stop", 0.0);
  const auto count = table.integer("count", 1, most);
  const auto spacing = table.has("spacing") ? table.choice("spacing", kSpacings) : Spacing::log;
  for (const char* key : {"start", "stop", "count"}) {
    if (!table.has(key)) {
      table.require(key);
    }
  }
  if (!start || !stop || !count || !spacing) {
    return std::nullopt;
  }
  const TimeGrid grid{*start, *stop, *count, *spacing};
  if (grid.spacing == Spacing::log && grid.start == 0.0) {
    table.reject("start");
    return std::nullopt;
  }
  if (grid.count == 1 && grid.stop != grid.start) {
    table.complain("count",
                   fmt::format("one {} cannot reach from start to stop; allowed: at least 2, or "
                               "stop = start",
                               noun));
    return std::nullopt;
  }
  if (grid.count > 1 && !(grid.start < grid.stop)) {
    table.reject("stop");
    return std::nullopt;
  }
  if (!ascends(grid_times(grid))) {
    table.complain("count",
                   fmt::format("so many {}s between start and stop are too close for doubles to "
                               "tell them apart; allowed: fewer",
                               noun));
    return std::nullopt;
  }
  return grid;
}

Times all_times(const TimeGrid& grid) {
  return {grid_times(grid), grid};
}

Times read_times(const TableReader& table, std::string_view key, Infinity infinity) {
  const toml::node* times = table.find(key);
  if (const toml::array* list = times->as_array()) {
    return {read_list(table, key, *list, infinity), std::nullopt};
  }
  if (times->is_table()) {
    const auto grid = read_grid(table.subtable(key), kMostTimes, "time");
    return grid ? all_times(*grid) : Times{};
  }
  if (infinity == Infinity::allowed && times->value_exact<std::string>() == "infinity") {
    return {{std::numeric_limits<double>::infinity()}, std::nullopt};
  }
  table.reject(key);
  return {};
}

Times read_positive(const TableReader& table, std::string_view key) {
  if (!table.find(key)->is_table()) {
    return {
        read_ascending<double>(table, key, {1, kMostTimes},
                               [](double value) { return std::isfinite(value) && value > 0.0; }),
        std::nullopt};
  }
  const TableReader keys = table.subtable(key);
  const auto grid = read_grid(keys, kMostTimes, "value");
  if (grid && grid->start == 0.0) {
    keys.reject("start");
    return {};
  }
  return grid ? all_times(*grid) : Times{};
}

}  // namespace ntkflow::config
