#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/dist/process_grid.hpp>

#include "support/mpi_test.hpp"

namespace ntkflow::test {
namespace {

/// Exact in single precision for the sizes used here, and different for every element.
double element(std::int64_t i, std::int64_t j) {
  return static_cast<double>(1000 * i + j + 1);
}

template <class Real>
class ForEachDiagonalTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();

  /// Calls check(matrix) for square matrices on every grid, with blocks up to one larger than them.
  template <class Check>
  void for_each_matrix(Check&& check) {
    for (const GridShape shape : all_grids(world.size())) {
      const auto grid = ProcessGrid::create(world, shape);
      for (const std::int64_t n : {0, 1, 2, 7, 31}) {
        for (const std::int64_t block : {1, 3, 7, 128}) {
          SCOPED_TRACE(std::to_string(shape.rows) + " x " + std::to_string(shape.cols) +
                       " grid, order " + std::to_string(n) + " in blocks of " +
                       std::to_string(block));
          DistMatrix<Real> a(grid, n, n, block);
          a.fill([](std::int64_t i, std::int64_t j) { return static_cast<Real>(element(i, j)); });
          check(a);
        }
      }
    }
  }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(ForEachDiagonalTest, Precisions);

TYPED_TEST(ForEachDiagonalTest, VisitsEachElementOnceOverAllRanksInOrder) {
  this->for_each_matrix([this](const DistMatrix<TypeParam>& a) {
    std::vector<std::int64_t> mine;
    for_each_diagonal(a, [&](std::int64_t i, const TypeParam& value) {
      EXPECT_EQ(static_cast<double>(value), element(i, i));
      mine.push_back(i);
    });

    EXPECT_TRUE(std::is_sorted(mine.begin(), mine.end()));
    std::vector<double> visits(static_cast<std::size_t>(a.rows()), 0.0);
    for (const std::int64_t i : mine) {
      visits[static_cast<std::size_t>(i)] += 1.0;
    }
    this->world.sum(std::span(visits));
    EXPECT_EQ(visits, std::vector<double>(visits.size(), 1.0));
  });
}

TYPED_TEST(ForEachDiagonalTest, ChangesTheDiagonalAndNothingElse) {
  this->for_each_matrix([](DistMatrix<TypeParam>& a) {
    for_each_diagonal(a, [](std::int64_t i, TypeParam& value) {
      value = -static_cast<TypeParam>(i) - TypeParam{1};
    });

    const auto local = std::as_const(a).local();
    std::int64_t wrong = 0;
    for (std::int64_t j_loc = 0; j_loc < local.cols; ++j_loc) {
      const std::int64_t j = a.col_map().to_global({j_loc}).value;
      for (std::int64_t i_loc = 0; i_loc < local.rows; ++i_loc) {
        const std::int64_t i = a.row_map().to_global({i_loc}).value;
        const double expected = i == j ? -static_cast<double>(i) - 1.0 : element(i, j);
        wrong += static_cast<double>(local(i_loc, j_loc)) == expected ? 0 : 1;
      }
    }
    EXPECT_EQ(wrong, 0);
  });
}

}  // namespace
}  // namespace ntkflow::test
