#pragma once

#include <compare>
#include <cstdint>

namespace ntkflow {

/// Position in a whole matrix, 0-based. Distinct from LocalIndex, so that the two cannot be mixed.
struct GlobalIndex {
  std::int64_t value = 0;
  constexpr auto operator<=>(const GlobalIndex&) const = default;
};

/// Position in the part of a matrix that one rank stores, 0-based.
struct LocalIndex {
  std::int64_t value = 0;
  constexpr auto operator<=>(const LocalIndex&) const = default;
};

}  // namespace ntkflow
