#include <cstdint>
#include <fstream>
#include <memory>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/dist/process_grid.hpp>
#include <ntkflow/dist/redistribute.hpp>

#include "support/mpi_test.hpp"

namespace ntkflow::test {
namespace {

/// Exact in single precision for the sizes used here, and different for every element.
double element(std::int64_t i, std::int64_t j) {
  return static_cast<double>(1000 * i + j + 1);
}

/// Number of elements of `a`, whose first column is column `first`, that are not element(i, j).
template <class Value>
std::int64_t wrong_elements(const Matrix<Value>& a, std::int64_t first) {
  std::int64_t wrong = 0;
  for (std::int64_t j = 0; j < a.cols(); ++j) {
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      wrong += static_cast<double>(a(i, j)) == element(i, first + j) ? 0 : 1;
    }
  }
  return wrong;
}

struct Size {
  std::int64_t rows;
  std::int64_t cols;
};
constexpr Size kSizes[] = {{1, 1},  {7, 7},  {31, 17}, {17, 31}, {5, 2},
                           {64, 3}, {3, 97}, {0, 4},   {4, 0}};

template <class Real>
class RedistributeTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();

  /// Calls check(matrix) for every grid, size and block size, up to one larger than the matrix.
  template <class Check>
  void for_each_matrix(Check&& check) {
    for (const GridShape shape : all_grids(world.size())) {
      const auto grid = ProcessGrid::create(world, shape);
      for (const Size size : kSizes) {
        for (const std::int64_t block : {1, 3, 7, 128}) {
          SCOPED_TRACE(std::to_string(shape.rows) + " x " + std::to_string(shape.cols) + " grid, " +
                       std::to_string(size.rows) + " x " + std::to_string(size.cols) +
                       " in blocks of " + std::to_string(block));
          DistMatrix<Real> a(grid, size.rows, size.cols, block);
          a.fill([](std::int64_t i, std::int64_t j) { return static_cast<Real>(element(i, j)); });
          check(a);
        }
      }
    }
  }
};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(RedistributeTest, Reals);

TYPED_TEST(RedistributeTest, ReplicatesEverywhere) {
  this->for_each_matrix([](const DistMatrix<TypeParam>& a) {
    const Matrix<double> whole = replicate(a);

    EXPECT_EQ(whole.rows(), a.rows());
    EXPECT_EQ(whole.cols(), a.cols());
    EXPECT_EQ(wrong_elements(whole, 0), 0);
  });
}

TYPED_TEST(RedistributeTest, GathersColumns) {
  const int ranks = this->world.size();
  const int rank = this->world.rank();
  this->for_each_matrix([&](const DistMatrix<TypeParam>& a) {
    for (const std::int64_t begin : {std::int64_t{0}, a.cols() / 3, a.cols()}) {
      for (const std::int64_t end : {begin, (begin + a.cols()) / 2, a.cols()}) {
        const Matrix<TypeParam> mine = gather_columns(a, begin, end);

        const Share share = contiguous_share(end - begin, ranks, rank);
        EXPECT_EQ(mine.rows(), a.rows());
        EXPECT_EQ(mine.cols(), share.size());
        EXPECT_EQ(wrong_elements(mine, begin + share.begin), 0) << begin << " to " << end;
      }
    }
  });
}

TYPED_TEST(RedistributeTest, ComparisonSeesOneWrongElement) {
  const auto grid = ProcessGrid::create(this->world, {1, this->world.size()});
  DistMatrix<TypeParam> a(grid, 31, 17, 3);
  a.fill([](std::int64_t i, std::int64_t j) {
    return static_cast<TypeParam>(element(i, j) + (i == 30 && j == 16 ? 1.0 : 0.0));
  });

  const Matrix<TypeParam> mine = gather_columns(a, 0, 17);
  const Share share = contiguous_share(17, this->world.size(), this->world.rank());

  EXPECT_EQ(wrong_elements(replicate(a), 0), 1);
  EXPECT_EQ(this->world.sum(wrong_elements(mine, share.begin)), 1);
}

TYPED_TEST(RedistributeTest, RoundsRespectTheBuffer) {
  const auto grid = ProcessGrid::create(this->world, {this->world.size(), 1});
  const DistMatrix<TypeParam> a(grid, 100, 100, 8);
  const auto column_bytes = static_cast<std::int64_t>(100 * sizeof(TypeParam));
  const std::int64_t ranks = this->world.size();

  EXPECT_EQ(columns_per_round(a, 1), ranks);  // at least one column for each rank
  EXPECT_EQ(columns_per_round(a, 20 * column_bytes), 10 * ranks);
  EXPECT_LE(columns_per_round(a, std::int64_t{1} << 60) / ranks * column_bytes,
            std::int64_t{1} << 30);
}

TYPED_TEST(RedistributeTest, ClonesAndLocalSizes) {
  this->for_each_matrix([&](const DistMatrix<TypeParam>& a) {
    const DistMatrix<TypeParam> copy = a.clone();
    EXPECT_EQ(wrong_elements(replicate(copy), 0), 0);
    EXPECT_EQ(this->world.sum(copy.local_rows() * copy.local_cols()), a.rows() * a.cols());
    EXPECT_EQ(copy.bytes(),
              copy.local_rows() * copy.local_cols() * static_cast<std::int64_t>(sizeof(TypeParam)));
  });
}

/// While it lives, this process may hold only `bytes` more of address space than now. Local.
class MemoryLimit {
 public:
  explicit MemoryLimit(std::uint64_t bytes) {
    getrlimit(RLIMIT_AS, &before_);
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit limit{pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) + bytes,
                       before_.rlim_max};
    setrlimit(RLIMIT_AS, &limit);
  }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;
  MemoryLimit(MemoryLimit&&) = delete;
  MemoryLimit& operator=(MemoryLimit&&) = delete;
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

/// Calls `work` with a few MiB of memory on the last rank: all ranks must report the lack of it.
template <class Work>
void expect_no_memory(const Communicator& world, Work&& work) {
  constexpr std::uint64_t kMegabyte = std::uint64_t{1} << 20;
  const bool is_last = world.rank() == world.size() - 1;
  std::unique_ptr<MemoryLimit> limit;
  world.barrier();
  if (is_last) {
    limit = std::make_unique<MemoryLimit>(8 * kMegabyte);
  }
  try {
    work();
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::resources) << error.what();
  }
}

// The sanitizer ends the process at a failed allocation.
#ifndef __SANITIZE_ADDRESS__
TEST(RedistributeMemoryTest, ARankWithoutMemoryFailsOnAllRanks) {
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, {1, world.size()});
  constexpr std::int64_t kRows = 2048;
  // 64 MiB in all for replicate, and 64 MiB on each rank for gather_columns.
  const DistMatrix<float> small(grid, kRows, 4096, 64);
  const DistMatrix<float> large(grid, kRows, 8192 * world.size(), 64);

  expect_no_memory(world, [&] { (void)replicate(small); });
  expect_no_memory(world, [&] { (void)gather_columns(large, 0, large.cols()); });
  EXPECT_EQ(replicate(DistMatrix<float>(grid, 3, 3, 1)).rows(), 3);
}
#endif

}  // namespace
}  // namespace ntkflow::test
