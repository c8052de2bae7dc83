#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dist/process_grid.hpp>

// Sizes that ScaLAPACK holds in 32 bits, computed in 64 bits before it is called: its own workspace
// queries overflow in silence, and in single precision round below the need.
namespace ntkflow {

inline constexpr std::int64_t kLibraryIntegerMax = std::numeric_limits<int>::max();

/// Values of workspace that we add to every need, since some formulas and queries fall short.
inline constexpr std::int64_t kWorkspaceMargin = 1024;

/// Rows and columns of the largest part of an n x n matrix, which is that of process (0, 0).
struct LocalSize {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};
LocalSize largest_local_size(std::int64_t n, std::int64_t block, GridShape grid);

/// The size to allocate and pass, given our formula and the library's answer to a query (0 where it
/// has none): the larger of the two plus the margin. Throws ResourceError above 2^31 - 1. Local.
int workspace_size(std::int64_t formula, double query, const char* routine);

/// "on N or more ranks", N being the smallest number whose automatic grid fits, counted from that
/// of `grid`. Local.
std::string ranks_that_fit(GridShape grid, const std::function<bool(GridShape)>& fits);

}  // namespace ntkflow
