#pragma once

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/process_grid.hpp>

/// As ASSERT_TRUE, decided by all ranks together, so that none leaves a test while others wait for
/// it.
#define ASSERT_ALL_RANKS(condition, comm) \
  ASSERT_TRUE((comm).agree(condition).ok) << "on some rank: " #condition

namespace ntkflow::test {

/// Every rows x cols grid of all ranks: 1 x P, P x 1 and what lies between.
inline std::vector<GridShape> all_grids(int ranks) {
  std::vector<GridShape> shapes;
  for (int rows = 1; rows <= ranks; ++rows) {
    if (ranks % rows == 0) {
      shapes.push_back({rows, ranks / rows});
    }
  }
  return shapes;
}

}  // namespace ntkflow::test
