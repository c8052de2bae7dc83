#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ntkflow::config {

/// Insertions, deletions, substitutions and swaps of neighbours that turn a into b, no letter
/// edited twice (optimal string alignment). Local. Ref: Damerau (1964).
std::size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate a misspelt name most likely means; empty when none is close. Local.
std::optional<std::string> nearest_name(std::string_view name,
                                        const std::vector<std::string>& candidates);

}  // namespace ntkflow::config
