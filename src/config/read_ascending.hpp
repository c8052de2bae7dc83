#pragma once

#include <cstddef>
#include <limits>
#include <string_view>
#include <type_traits>
#include <vector>

#include "table_reader.hpp"

namespace ntkflow::config {

/// How many values a list may have.
struct ListLength {
  std::size_t least = 1;
  std::size_t most = std::numeric_limits<std::size_t>::max();
};
/// Of quantiles: one value of each is stored for every point and output.
inline constexpr std::size_t kMostQuantiles = 1'000;

/// What is said of a value that is not above the one before it.
inline constexpr std::string_view kMustAscend =
    ", not above the one before it: the list must ascend";

/// An ascending list of numbers of a kind at a key that is present; records what is none, and
/// returns nothing then. Local.
template <class Value, class Check>
std::vector<Value> read_ascending(const TableReader& table, std::string_view key, ListLength length,
                                  const Check& is_fine) {
  const toml::node* node = table.find(key);
  const toml::array* list = node == nullptr ? nullptr : node->as_array();
  if (list == nullptr || list->size() < length.least || list->size() > length.most) {
    table.reject(key);
    return {};
  }
  std::vector<Value> values;
  for (const toml::node& element : *list) {
    const auto value = element.value<Value>();
    const bool has_type = std::is_integral_v<Value> ? element.is_integer() : element.is_number();
    if (!has_type || !value || !is_fine(*value)) {
      table.reject(key, element);
      return {};
    }
    if (!values.empty() && !(values.back() < *value)) {
      table.reject(key, element, kMustAscend);
      return {};
    }
    values.push_back(*value);
  }
  return values;
}

/// Probabilities inside (0, 1), likewise. @param least  how many there must be
inline std::vector<double> read_quantiles(const TableReader& table, std::size_t least) {
  return read_ascending<double>(table, "quantiles", {least, kMostQuantiles},
                                [](double level) { return level > 0.0 && level < 1.0; });
}

}  // namespace ntkflow::config
