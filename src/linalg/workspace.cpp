#include "workspace.hpp"

#include <algorithm>
#include <cmath>

#include <ntkflow/base/narrow.hpp>

namespace ntkflow {
LocalSize largest_local_size(std::int64_t n, std::int64_t block, GridShape grid) {
  return {BlockCyclic(n, block, grid.rows, 0).local_size(),
          BlockCyclic(n, block, grid.cols, 0).local_size()};
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
