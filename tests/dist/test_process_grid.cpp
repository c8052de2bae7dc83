#include <set>
#include <string>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/process_grid.hpp>

#include "support/mpi_test.hpp"

namespace ntkflow::test {
namespace {

class ProcessGridTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();
};

TEST_F(ProcessGridTest, PlacesEveryRank) {
  for (const GridShape shape : all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);

    EXPECT_EQ(grid->shape(), shape);
    EXPECT_EQ(grid->row(), world.rank() / shape.cols);
    EXPECT_EQ(grid->col(), world.rank() % shape.cols);
    EXPECT_EQ(grid->comm().size(), world.size());
    EXPECT_EQ(grid->comm().rank(), world.rank());
    EXPECT_NE(grid->comm().handle(), world.handle());
  }
}

TEST_F(ProcessGridTest, ManyGridsOneAfterAnother) {
  for (int i = 0; i < 100; ++i) {
    EXPECT_GE(ProcessGrid::create(world, {1, world.size()})->blacs_context(), 0);
  }
}

TEST_F(ProcessGridTest, RefusesAShapeOfOtherSize) {
  const int ranks = world.size();
  for (const GridShape shape : {GridShape{1, ranks + 1}, GridShape{ranks, 2}, GridShape{0, ranks},
                                GridShape{-1, -ranks}, GridShape{1 << 16, 1 << 16}}) {
    EXPECT_THROW(static_cast<void>(ProcessGrid::create(world, shape)), ConfigError)
        << shape.rows << " x " << shape.cols;
  }
  try {
    static_cast<void>(ProcessGrid::create(world, {5, 7}));
    FAIL();
  } catch (const ConfigError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("5 x 7"), std::string::npos) << text;
    EXPECT_NE(text.find("35 ranks"), std::string::npos) << text;
    EXPECT_EQ(error.exit_code(), ExitCode::usage);
  }
}

TEST_F(ProcessGridTest, AutomaticShapeFitsAndIsFlat) {
  for (int ranks = 1; ranks <= 200; ++ranks) {
    const GridShape shape = automatic_grid(ranks);
    EXPECT_EQ(shape.rows * shape.cols, ranks);
    EXPECT_TRUE(shape.rows == 1 || shape.cols >= 4 * shape.rows) << ranks;
  }
  EXPECT_EQ(automatic_grid(16), (GridShape{2, 8}));
  EXPECT_EQ(automatic_grid(15), (GridShape{1, 15}));
  EXPECT_EQ(automatic_grid(64), (GridShape{4, 16}));
}

}  // namespace
}  // namespace ntkflow::test
