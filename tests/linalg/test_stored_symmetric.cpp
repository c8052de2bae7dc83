#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <support/tolerance.hpp>

#include <ntkflow/dist/redistribute.hpp>

#include "matrices.hpp"
#include "ntkflow/linalg/stored_symmetric.hpp"
#include "untouched_memory.hpp"

namespace ntkflow::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double wave(std::int64_t i, std::int64_t j) {
  return std::sin(static_cast<double>(1 + i + 3 * j));
}

/// RandomSymmetric above the diagonal, NaN elsewhere.
template <class Real>
DistMatrix<Real> distribute_upper(const std::shared_ptr<const ProcessGrid>& grid, std::int64_t n,
                                  std::int64_t block) {
  return distribute<Real>(grid, n, n, block, [](std::int64_t i, std::int64_t j) {
    return i < j ? RandomSymmetric{}(i, j) : kNan;
  });
}

/// A diagonal that `float` cannot hold.
std::vector<double> diagonal_of(std::int64_t n) {
  std::vector<double> diagonal;
  for (std::int64_t i = 0; i < n; ++i) {
    diagonal.push_back(2.0 + 0.1 * static_cast<double>(i));
  }
  return diagonal;
}

template <class Real>
class MirrorLowerTest : public testing::Test {};
TYPED_TEST_SUITE(MirrorLowerTest, Precisions);

TYPED_TEST(MirrorLowerTest, CopiesEveryElement) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto element = [](std::int64_t i, std::int64_t j) {
      return i < j ? kNan : static_cast<double>(1000 * i + j);
    };
    auto a = distribute<Real>(grid, n, n, block, element);

    mirror_lower(a);

    const auto mirrored = replicate(a);
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < n; ++i) {
        EXPECT_EQ(mirrored(i, j), element(std::max(i, j), std::min(i, j))) << i << ' ' << j;
      }
    }
  });
}

TYPED_TEST(MirrorLowerTest, EmptyMatrix) {
  using Real = TypeParam;
  for_each_grid([](const auto& grid) {
    DistMatrix<Real> a(grid, 0, 0, 4);

    mirror_lower(a);

    EXPECT_EQ(a.rows(), 0);
  });
}

template <class Real>
class StoredSymmetricTest : public testing::Test {};
TYPED_TEST_SUITE(StoredSymmetricTest, Precisions);

TYPED_TEST(StoredSymmetricTest, FrobeniusNormCountsEachElement) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto upper = distribute_upper<Real>(grid, n, block);
    const auto a = dense<Real>(n, n, RandomSymmetric{});
    const auto diagonal = diagonal_of(n);
    double squares = 0.0;
    for (std::int64_t j = 0; j < n; ++j) {
      for (std::int64_t i = 0; i < n; ++i) {
        const double value = i == j ? diagonal[static_cast<std::size_t>(i)] : a(i, j);
        squares += value * value;
      }
    }
    const double norm = std::sqrt(squares);
    const StoredSymmetric<Real> stored(upper, diagonal);
    EXPECT_NEAR(stored.frobenius_norm(), norm,
                ulp_bound<double>(static_cast<double>(n * n + 1), norm));
  });
}

TYPED_TEST(StoredSymmetricTest, MultipliesInDouble) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto upper = distribute_upper<Real>(grid, n, block);
    auto a = dense<Real>(n, n, RandomSymmetric{});
    const auto diagonal = diagonal_of(n);
    for (std::int64_t i = 0; i < n; ++i) {
      a(i, i) = diagonal[static_cast<std::size_t>(i)];
    }
    const StoredSymmetric<Real> stored(upper, diagonal);
    EXPECT_EQ(stored.size(), n);
    for (const std::int64_t columns : {0, 1, 3, 17}) {
      const auto x = dense<double>(n, columns, wave);

      const auto y = stored.apply(x);

      ASSERT_EQ(y.cols(), columns);
      const double bound = product_bound<double>(n, norm_1(a), norm_1(x));
      const auto expected = product(a, x);
      EXPECT_LE(distance_1(y, expected), bound);
      if (columns > 0) {
        EXPECT_TRUE(same_on_all_ranks(y(n - 1, columns - 1)));
        a(n - 1, 0) += 1e-7;
        EXPECT_GT(distance_1(y, product(a, x)), bound) << "a wrong product passes";
        a(n - 1, 0) -= 1e-7;
      }
    }
  });
}

TYPED_TEST(StoredSymmetricTest, CoversTilesOfEveryKind) {
  using Real = TypeParam;
  // More than a tile's 512 rows and 256 columns, in blocks that divide neither.
  constexpr std::int64_t kOrder = 1201;
  for_each_grid([](const auto& grid) {
    for (const std::int64_t block : {7, 100, 256}) {
      SCOPED_TRACE(testing::Message() << "block = " << block);
      DistMatrix<Real> upper(grid, kOrder, kOrder, block);
      upper.fill([](std::int64_t i, std::int64_t j) {
        return i < j ? Real{1} : std::numeric_limits<Real>::quiet_NaN();
      });
      const StoredSymmetric<Real> stored(
          upper, std::vector<double>(static_cast<std::size_t>(kOrder), 1.0));
      const auto x = dense<double>(kOrder, 2, [](std::int64_t i, std::int64_t j) {
        return j == 0 ? 1.0 : static_cast<double>(i);
      });

      const auto y = stored.apply(x);  // sums of integers, exact

      for (std::int64_t i = 0; i < kOrder; ++i) {
        EXPECT_EQ(y(i, 0), static_cast<double>(kOrder));
        EXPECT_EQ(y(i, 1), static_cast<double>(kOrder * (kOrder - 1) / 2));
      }
    }
  });
}

TYPED_TEST(StoredSymmetricTest, EmptyMatrix) {
  using Real = TypeParam;
  for_each_grid([](const auto& grid) {
    const DistMatrix<Real> upper(grid, 0, 0, 4);

    const auto y = StoredSymmetric<Real>(upper, {}).apply(Matrix<double>(0, 3));

    EXPECT_EQ(y.rows(), 0);
    EXPECT_EQ(y.cols(), 3);
  });
}

/// Multiplies by a matrix of order n on one rank whose last element above the diagonal alone is not
/// zero.
template <class Real>
void expect_last_element_counts(std::int64_t n) {
  DistMatrix<Real> a(ProcessGrid::create(Communicator::world(), {1, 1}), n, n, 256);
  a.local()(n - 2, n - 1) = Real{3};
  Matrix<double> x(n, 1);
  x(n - 2, 0) = 5.0;
  x(n - 1, 0) = 7.0;

  const auto y =
      StoredSymmetric<Real>(a, std::vector<double>(static_cast<std::size_t>(n), 0.0)).apply(x);

  EXPECT_EQ(y(n - 2, 0), 21.0);
  EXPECT_EQ(y(n - 1, 0), 15.0);
}

TYPED_TEST(StoredSymmetricTest, ReachesBeyondTwoGibibytes) {
  using Real = TypeParam;
  if (const auto reason = no_place_for_large_matrix(); !reason.empty()) {
    GTEST_SKIP() << reason;
  }
  const SmallPages pages;
  expect_last_element_counts<Real>(order_beyond_two_gibibytes<Real>());
}

TEST(StoredSymmetricSizeTest, ReachesTheLastElementThatScalapackCanIndex) {
  if (const auto reason = no_place_for_large_matrix(); !reason.empty()) {
    GTEST_SKIP() << reason;
  }
  const SmallPages pages;
  constexpr std::int64_t kOrder = 46'340;  // the largest whose square is below 2^31
  try {
    expect_last_element_counts<float>(kOrder);
  } catch (const ResourceError& error) {
    GTEST_SKIP() << error.what();  // a system that promises no more memory than it has
  }
}

}  // namespace
}  // namespace ntkflow::test
