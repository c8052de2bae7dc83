#include "workspace.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ntkflow/base/narrow.hpp>

namespace ntkflow {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

}  // namespace

LocalSize largest_local_size(std::int64_t n, std::int64_t block, GridShape grid) {
  return {BlockCyclic(n, block, grid.rows, 0).local_size(),
          BlockCyclic(n, block, grid.cols, 0).local_size()};
}

std::int64_t norm_workspace(std::int64_t n, std::int64_t block, GridShape grid) {
  const auto [rows, cols] = largest_local_size(n, block, grid);
  std::int64_t transposed = 0;
  if (grid.rows != grid.cols) {
    const std::int64_t steps = std::lcm<std::int64_t>(grid.rows, grid.cols) / grid.rows;
    transposed = block * ceil_div(ceil_div(rows, block), steps);
  }
  return 2 * cols + rows + transposed;
}

int workspace_size(std::int64_t formula, double query, const char* routine) {
  const auto asked = static_cast<std::int64_t>(std::ceil(query));
  const std::string quantity = std::string("the workspace of ") + routine;
  return narrow<int>(std::max(formula, asked) + kWorkspaceMargin, quantity.c_str());
}

std::string ranks_that_fit(GridShape grid, const std::function<bool(GridShape)>& fits) {
  constexpr int kMaxRanks = 1 << 16;
  int ranks = grid.rows * grid.cols;
  while (ranks < kMaxRanks && !fits(automatic_grid(ranks))) {
    ++ranks;
  }
  return "on " + std::to_string(ranks) + " or more ranks";
}

}  // namespace ntkflow
