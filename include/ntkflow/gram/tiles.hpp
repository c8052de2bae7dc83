#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <ntkflow/dist/block_cyclic.hpp>

namespace ntkflow {

/// Rows and columns of a tile of kernel values: in double 1 MiB, which stays in a core's
/// second-level cache between the matrix product that makes it and the recursion that follows.
inline constexpr std::int64_t kTileRows = 512;
inline constexpr std::int64_t kTileCols = 256;

/// Calls visit(row, col, m, n), all local, for tiles that together cover every element with global
/// row >= global column once. Those that cross the diagonal reach a little above it. Local.
template <class Visit>
void for_each_lower_tile(const BlockCyclic& row_map, const BlockCyclic& col_map, Visit&& visit) {
  const std::int64_t rows = row_map.local_size();
  const std::int64_t cols = col_map.local_size();
  for (std::int64_t col = 0; col < cols; col += kTileCols) {
    const std::int64_t n = std::min(kTileCols, cols - col);
    // Local rows ascend with their global index, so those at or below the tile's first column are a
    // tail.
    for (std::int64_t row = row_map.local_count_below(col_map.to_global({col})); row < rows;
         row += kTileRows) {
      visit(row, col, std::min(kTileRows, rows - row), n);
    }
  }
}

/// The same for all elements of `rows` x `cols` local ones.
template <class Visit>
void for_each_tile(std::int64_t rows, std::int64_t cols, Visit&& visit) {
  for (std::int64_t col = 0; col < cols; col += kTileCols) {
    for (std::int64_t row = 0; row < rows; row += kTileRows) {
      visit(row, col, std::min(kTileRows, rows - row), std::min(kTileCols, cols - col));
    }
  }
}

}  // namespace ntkflow
