#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include <gtest/gtest.h>
#include <support/tolerance.hpp>

#include <ntkflow/dist/redistribute.hpp>

#include "matrices.hpp"
#include "ntkflow/linalg/cholesky.hpp"

namespace ntkflow::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Both routines, since every claim on factor_cholesky holds for both.
constexpr std::array kMethods = {Factorization::lookahead, Factorization::scalapack};

/// The factor of a matrix that must be positive definite; a failure on one rank is one on all.
template <class Real>
CholeskyFactor<Real> factor_of(DistMatrix<Real> a,
                               Factorization method = Factorization::automatic) {
  auto outcome = factor_cholesky(std::move(a), method);
  const auto* failed = std::get_if<NotPositiveDefinite>(&outcome);
  EXPECT_EQ(failed, nullptr) << "stopped at order " << (failed != nullptr ? failed->order : 0);
  return std::get<CholeskyFactor<Real>>(std::move(outcome));
}

/// The order at which factoring stops, 0 when it does not. Checked to be the same on all ranks.
template <class Real>
std::int64_t failing_order(DistMatrix<Real> a, Factorization method) {
  const auto outcome = factor_cholesky(std::move(a), method);
  const auto* failed = std::get_if<NotPositiveDefinite>(&outcome);
  const std::int64_t order = failed != nullptr ? failed->order : 0;
  EXPECT_TRUE(same_on_all_ranks(static_cast<double>(order)));
  return order;
}

template <class Real>
class CholeskyTest : public testing::Test {};
TYPED_TEST_SUITE(CholeskyTest, Precisions);

TYPED_TEST(CholeskyTest, FactorReproducesMatrix) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const RandomSymmetric element{2.0 * static_cast<double>(n)};
    const auto a = dense<Real>(n, n, element);
    const double bound = factorisation_bound<Real>(n, norm_1(a));

    for (const Factorization method : kMethods) {
      const auto factor = factor_of(distribute_lower<Real>(grid, n, block, element), method);

      auto l = lower_triangle(replicate(factor.matrix()));
      EXPECT_LE(distance_1(product(l, transpose(l)), a), bound);
      l(n - 1, n / 2) += 0.01 * norm_1(a);
      EXPECT_GT(distance_1(product(l, transpose(l)), a), bound) << "a wrong factor passes";
      EXPECT_NEAR(factor.norm(), norm_1(a), ulp_bound<Real>(static_cast<double>(n), norm_1(a)));
    }
  });
}

TYPED_TEST(CholeskyTest, LeavesStrictUpperTriangle) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    for (const Factorization method : kMethods) {
      const auto factor =
          factor_of(distribute_lower<Real>(grid, n, block, KacMurdockSzego{}), method);

      const auto stored = replicate(factor.matrix());
      for (std::int64_t j = 0; j < n; ++j) {
        for (std::int64_t i = 0; i < n; ++i) {
          EXPECT_EQ(stored(i, j) == kSentinel, i < j) << i << ' ' << j;
        }
      }
    }
  });
}

TYPED_TEST(CholeskyTest, SolvesForSeveralColumns) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const RandomSymmetric element{2.0 * static_cast<double>(n)};
    const auto right_side = [](std::int64_t i, std::int64_t j) {
      return std::sin(static_cast<double>(1 + i + 3 * j));
    };
    const auto a = dense<Real>(n, n, element);
    const auto factor = factor_of(distribute_lower<Real>(grid, n, block, element));
    for (const std::int64_t columns : {std::int64_t{1}, block + 1}) {
      const auto b = dense<double>(n, columns, right_side);

      auto solution = factor.solve(b);

      const double bound = solve_bound<Real>(n, norm_1(a), norm_1(solution));
      EXPECT_LE(distance_1(product(a, solution), b), bound);
      solution(n / 2, columns - 1) += 0.01 * norm_1(solution);
      EXPECT_GT(distance_1(product(a, solution), b), bound) << "a wrong solution passes";
    }
  });
}

TYPED_TEST(CholeskyTest, MultipliesByLowerFactor) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto element = [](std::int64_t i, std::int64_t j) {
      return std::cos(static_cast<double>(2 * i + j));
    };
    const auto factor = factor_of(distribute_lower<Real>(grid, n, block, KacMurdockSzego{}));
    auto x = distribute<Real>(grid, n, 3, block, element);

    factor.multiply_lower(x);

    const auto l = lower_triangle(replicate(factor.matrix()));
    const auto before = dense<Real>(n, 3, element);
    const double bound = product_bound<Real>(n, norm_1(l), norm_1(before));
    EXPECT_LE(distance_1(replicate(x), product(l, before)), bound);
    EXPECT_GT(distance_1(replicate(x), product(l, dense<Real>(n, 3, RandomSymmetric{}))), bound);
  });
}

TYPED_TEST(CholeskyTest, SolvesForDistributedColumns) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto element = [](std::int64_t i, std::int64_t j) {
      return 1.0 / static_cast<double>(i + 2 * j + 1);
    };
    constexpr std::int64_t kColumns = 7;
    const auto factor = factor_of(distribute_lower<Real>(grid, n, block, KacMurdockSzego{}));
    auto x = distribute<Real>(grid, n, kColumns, block, element);

    factor.solve_in_place(x);

    const auto a = dense<Real>(n, n, KacMurdockSzego{});
    const auto solution = replicate(x);
    const double bound = solve_bound<Real>(n, norm_1(a), norm_1(solution));
    EXPECT_LE(distance_1(product(a, solution), dense<Real>(n, kColumns, element)), bound);
    EXPECT_GT(distance_1(product(a, solution), dense<Real>(n, kColumns, RandomSymmetric{})), bound);
  });
}

TYPED_TEST(CholeskyTest, LogDeterminantOfKnownMatrices) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    constexpr double kCorrelation = 0.5;  // powers are exact in both precisions
    const double order = static_cast<double>(n);
    const double kms = (order - 1.0) * std::log(1.0 - kCorrelation * kCorrelation);
    const double difference = std::log(order + 1.0);

    const double of_kms =
        factor_of(distribute_lower<Real>(grid, n, block, KacMurdockSzego{kCorrelation}))
            .log_determinant();
    const double of_difference =
        factor_of(distribute_lower<Real>(grid, n, block, SecondDifference{})).log_determinant();

    EXPECT_NEAR(of_kms, kms, log_determinant_bound<Real>(n, 9.0));
    EXPECT_NEAR(of_difference, difference,
                log_determinant_bound<Real>(n, (order + 1.0) * (order + 1.0) / 2.0));
    EXPECT_GT(std::abs(of_kms - (kms + 0.01 * order)), log_determinant_bound<Real>(n, 9.0));
    EXPECT_TRUE(same_on_all_ranks(of_kms));
  });
}

TYPED_TEST(CholeskyTest, SmallestPivotWithItsIndex) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto order = static_cast<double>(n);
    const auto dip = [n](std::int64_t i, std::int64_t j) {
      return i != j ? 0.0 : i >= n / 2 ? 0.25 : 4.0;  // several smallest: the first counts
    };

    const Pivot last =
        factor_of(distribute_lower<Real>(grid, n, block, SecondDifference{})).smallest_pivot();
    const Pivot first_of_equals =
        factor_of(distribute_lower<Real>(grid, n, block, dip)).smallest_pivot();

    EXPECT_EQ(last.index, n - 1);
    EXPECT_NEAR(last.value, (order + 1.0) / order, factorisation_bound<Real>(n, 4.0));
    EXPECT_EQ(first_of_equals.index, n / 2);
    EXPECT_EQ(first_of_equals.value, 0.25);
    EXPECT_TRUE(same_on_all_ranks(last.value));
  });
}

TYPED_TEST(CholeskyTest, ReciprocalConditionAgainstExplicitInverse) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto inverse = dense<double>(
        n, n, [n](std::int64_t i, std::int64_t j) { return SecondDifference::inverse(n, i, j); });
    const double exact = 1.0 / (norm_1(dense<double>(n, n, SecondDifference{})) * norm_1(inverse));

    const double estimate = factor_of(distribute_lower<Real>(grid, n, block, SecondDifference{}))
                                .reciprocal_condition();

    // The estimate of ||A^-1|| is a lower bound, and within a factor of 3 in practice (Higham).
    const double rounding = 1.0 + factorisation_bound<Real>(n, 1.0 / exact);
    EXPECT_GE(estimate * rounding, exact);
    EXPECT_LE(estimate, 3.0 * exact * rounding);
    EXPECT_TRUE(same_on_all_ranks(estimate));
  });
}

TYPED_TEST(CholeskyTest, ReportsSameOrderOnAllRanks) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    for (const Factorization method : kMethods) {
      for (const std::int64_t bad : {std::int64_t{0}, n / 2, n - 1}) {
        const auto indefinite = [bad](std::int64_t i, std::int64_t j) {
          return i == bad && j == bad ? -1.0 : KacMurdockSzego{}(i, j);
        };
        EXPECT_EQ(failing_order(distribute_lower<Real>(grid, n, block, indefinite), method),
                  bad + 1);
      }
      const auto singular = [](std::int64_t, std::int64_t) { return 1.0; };
      EXPECT_EQ(failing_order(distribute_lower<Real>(grid, n, block, singular), method),
                n == 1 ? 0 : 2);
    }
  });
}

TYPED_TEST(CholeskyTest, ReportsNormOfWhatItCouldNotFactor) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto indefinite = [n](std::int64_t i, std::int64_t j) {
      return i == n - 1 && j == n - 1 ? -3.0 : KacMurdockSzego{}(i, j);
    };
    const double expected = norm_1(dense<Real>(n, n, indefinite));

    const auto outcome = factor_cholesky(distribute_lower<Real>(grid, n, block, indefinite));

    const auto* failed = std::get_if<NotPositiveDefinite>(&outcome);
    ASSERT_ALL_RANKS(failed != nullptr, grid->comm());
    EXPECT_NEAR(failed->norm, expected, ulp_bound<Real>(static_cast<double>(n), expected));
    EXPECT_TRUE(same_on_all_ranks(failed->norm));
  });
}

TYPED_TEST(CholeskyTest, FindsNotANumberAnywhereInLowerTriangle) {
  using Real = TypeParam;
  constexpr std::int64_t kOrder = 7;
  for_each_grid([&](const auto& grid) {
    for (const std::int64_t block : {2, 3, 8}) {
      for (std::int64_t row = 0; row < kOrder; ++row) {
        for (std::int64_t col = 0; col < kOrder; ++col) {
          for (const double value : {kNan, kInfinity}) {
            const auto spoilt =
                distribute<Real>(grid, kOrder, kOrder, block, [&](std::int64_t i, std::int64_t j) {
                  return i == row && j == col ? value : KacMurdockSzego{}(i, j);
                });
            for (const Factorization method : kMethods) {
              EXPECT_EQ(failing_order(spoilt.clone(), method), row < col ? 0 : row + 1)
                  << value << " at " << row << ' ' << col << ", block " << block;
            }
          }
        }
      }
    }
  });
}

TYPED_TEST(CholeskyTest, ReportsFirstOfTwoFaults) {
  using Real = TypeParam;
  constexpr std::int64_t kOrder = 11;
  for_each_grid([&](const auto& grid) {
    for (const auto& [negative, not_a_number] : {std::pair{3, 8}, std::pair{8, 3}}) {
      const auto a = distribute_lower<Real>(
          grid, kOrder, 2,
          [row = negative, nan_row = not_a_number](std::int64_t i, std::int64_t j) {
            if (i == nan_row && j == 1) {
              return kNan;
            }
            return i == row && j == row ? -1.0 : KacMurdockSzego{}(i, j);
          });
      for (const Factorization method : kMethods) {
        EXPECT_EQ(failing_order(a.clone(), method), 4);
      }
    }
  });
}

TYPED_TEST(CholeskyTest, EmptyMatrix) {
  using Real = TypeParam;
  for_each_grid([](const auto& grid) {
    const auto factor = factor_of(DistMatrix<Real>(grid, 0, 0, 4));
    DistMatrix<Real> x(grid, 0, 3, 4);

    factor.multiply_lower(x);

    EXPECT_EQ(factor.solve(Matrix<double>(0, 3)).cols(), 3);
    EXPECT_EQ(factor.log_determinant(), 0.0);
    EXPECT_EQ(factor.reciprocal_condition(), 1.0);
    EXPECT_EQ(factor.norm(), 0.0);
  });
}

}  // namespace
}  // namespace ntkflow::test
