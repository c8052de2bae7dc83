#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "row_rounds.hpp"

namespace ntkflow::test {
namespace {

using Shape = std::vector<std::int64_t>;

/// Place of an index in row-major order.
std::int64_t place_of(const Shape& shape, const Shape& index) {
  std::int64_t place = 0;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    place = place * shape[axis] + index[axis];
  }
  return place;
}

TEST(RowRoundsTest, BoxesFollowEachOtherAndFillTheRows) {
  for (const Shape& shape : {Shape{7}, Shape{5, 3}, Shape{4, 1, 6}, Shape{3, 5, 2, 7}}) {
    const std::int64_t row =
        std::accumulate(shape.begin() + 1, shape.end(), std::int64_t{1}, std::multiplies<>{});
    for (std::int64_t largest = 1; largest <= shape[0] * row + 1; ++largest) {
      for (const std::int64_t begin : {std::int64_t{0}, std::int64_t{1}, shape[0] - 1}) {
        const std::int64_t count = shape[0] - begin;
        const RowRounds rounds(shape, begin, count, largest);
        std::int64_t done = 0;
        for (std::int64_t round = 0; round < rounds.size(); ++round) {
          const Box box = rounds.box(round);
          Shape last = box.start;
          for (std::size_t axis = 0; axis < shape.size(); ++axis) {
            last[axis] += box.extent[axis] - 1;
            ASSERT_LT(last[axis], shape[axis]);
          }
          ASSERT_EQ(box.first, done);
          ASSERT_LE(box.size, largest);
          ASSERT_EQ(std::accumulate(box.extent.begin(), box.extent.end(), std::int64_t{1},
                                    std::multiplies<>{}),
                    box.size);
          ASSERT_EQ(place_of(shape, box.start), begin * row + done);
          ASSERT_EQ(place_of(shape, last), begin * row + done + box.size - 1);
          done += box.size;
        }
        ASSERT_EQ(done, count * row) << "at most " << largest;
      }
    }
  }
}

TEST(RowRoundsTest, TakesAsManyWholeRowsAsFit) {
  EXPECT_EQ(RowRounds({100, 10}, 0, 100, 1000).size(), 1);
  EXPECT_EQ(RowRounds({100, 10}, 0, 100, 999).size(), 2);
  EXPECT_EQ(RowRounds({100, 10}, 0, 100, 10).size(), 100);
  EXPECT_EQ(RowRounds({100, 10}, 0, 100, 9).size(), 200);
  EXPECT_EQ(RowRounds({100, 10}, 40, 0, 9).size(), 0);
}

// Rows of 2^33 values, in boxes of 2^27 as MPI can count.
TEST(RowRoundsTest, CutsRowsThatNoCallCanTake) {
  const RowRounds rounds({2, std::int64_t{1} << 33}, 1, 1, std::int64_t{1} << 27);

  EXPECT_EQ(rounds.size(), 64);
  EXPECT_EQ(rounds.box(63).start, (Shape{1, 63 * (std::int64_t{1} << 27)}));
  EXPECT_EQ(rounds.box(63).extent, (Shape{1, std::int64_t{1} << 27}));
}

}  // namespace
}  // namespace ntkflow::test
