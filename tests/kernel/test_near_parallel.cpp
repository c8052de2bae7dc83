#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>

#include "multiprecision.hpp"
#include "simd_targets.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

template <class Real>
class NearParallelTest : public testing::Test {
 protected:
  /// Largest 1 - |rho| that is reported.
  static constexpr double kThreshold = sizeof(Real) == sizeof(float) ? 1e-2 : 1e-4;
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(NearParallelTest, Precisions);

TYPED_TEST(NearParallelTest, ReportsExactlyThePairsWithinTheThreshold) {
  using Real = TypeParam;
  const KernelEvaluator<Real> evaluator(Architecture{}, 5);
  constexpr std::int64_t kRowBegin = 3;
  test::for_each_simd_target([&] {
    for (const std::int64_t m : {0, 1, 7, 8, 9, 37}) {
      const std::int64_t n = 5;
      std::vector<double> rows(static_cast<std::size_t>(kRowBegin + m));
      std::vector<double> cols(static_cast<std::size_t>(n));
      const RandomStream random(3, 1);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        rows[i] = 0.1 + 9.0 * random.uniform(i, 1);
      }
      for (std::size_t j = 0; j < cols.size(); ++j) {
        cols[j] = 0.1 + 9.0 * random.uniform(j, 2);
      }
      const auto row_variances = evaluator.variances(rows);
      const auto col_variances = evaluator.variances(cols);
      for (std::int64_t j = 0; j < n; ++j) {
        std::vector<Real> products(static_cast<std::size_t>(m));
        std::vector<std::int64_t> expected;
        for (std::int64_t i = 0; i < m; ++i) {
          const bool within = (i + 2 * j) % 6 == 0;
          const double sign = (i + j) % 2 == 0 ? 1.0 : -1.0;
          const double rho = sign * (1.0 - this->kThreshold * (within ? 0.9 : 1.1));
          products[static_cast<std::size_t>(i)] =
              static_cast<Real>(rho * std::sqrt(rows[static_cast<std::size_t>(kRowBegin + i)] *
                                                cols[static_cast<std::size_t>(j)]));
          if (within) {
            expected.push_back(i);
          }
        }
        std::vector<std::int64_t> memory(static_cast<std::size_t>(m) + 1, -1);

        const auto found =
            evaluator.near_parallel(products, row_variances, kRowBegin, col_variances, j, memory);

        EXPECT_EQ(std::vector(found.begin(), found.end()), expected) << m << ' ' << j;
        EXPECT_EQ(memory.back(), -1);
      }
    }
  });
}

TYPED_TEST(NearParallelTest, LeavesZeroSamplesOut) {
  using Real = TypeParam;
  const KernelEvaluator<Real> evaluator(Architecture{}, 5);
  const std::vector<double> norms = {0.0, 4.0};
  const auto variances = evaluator.variances(norms);
  std::array<std::int64_t, 2> memory{};

  const std::array<Real, 2> with_zero = {Real(0), Real(0)};
  const std::array<Real, 2> with_itself = {Real(0), Real(4)};
  const auto none = evaluator.near_parallel(with_zero, variances, 0, variances, 0, memory);
  EXPECT_TRUE(none.empty());
  const auto found = evaluator.near_parallel(with_itself, variances, 0, variances, 1, memory);
  EXPECT_EQ(std::vector(found.begin(), found.end()), std::vector<std::int64_t>{1});
}

template <class Real>
class AccurateDotTest : public testing::Test {};
TYPED_TEST_SUITE(AccurateDotTest, Precisions);

TYPED_TEST(AccurateDotTest, IsTheExactProductRoundedOnce) {
  using Real = TypeParam;
  const RandomStream random(11, 0);
  for (const std::int64_t d : {0, 1, 2, 7, 784}) {
    std::vector<Real> x(static_cast<std::size_t>(d));
    std::vector<Real> y(x.size());
    test::Digits50 exact = 0;
    test::Digits50 magnitude = 0;
    double plain = 0.0;
    for (std::size_t k = 0; k < x.size(); ++k) {
      // Large terms of both signs that cancel in pairs, and small ones that remain.
      const double size = k % 2 == 0 ? 1e6 : -1e6;
      x[k] = static_cast<Real>(random.normal(k / 2) * size + random.normal(k, 1));
      y[k] = static_cast<Real>(random.normal(k / 2, 2) * 1e3);
      exact += test::Digits50(x[k]) * y[k];
      magnitude += abs(test::Digits50(x[k]) * y[k]);
      plain += static_cast<double>(x[k]) * static_cast<double>(y[k]);
    }

    const double dot = accurate_dot(x.data(), y.data(), d);

    // Ogita, Rump, Oishi (2005), Corollary 5.7: eps |x.y| + (d eps)^2 |x|.|y|. Products of floats
    // are summed in double, which is more than twice their precision.
    const double second_order = std::pow(static_cast<double>(d) * test::kEps<Real>, 2.0);
    const double bound =
        static_cast<double>(test::kEps<Real> * abs(exact) + second_order * magnitude);
    EXPECT_LE(static_cast<double>(abs(dot - exact)), bound) << d;
    if (d == 784 && sizeof(Real) == sizeof(double)) {
      EXPECT_GT(static_cast<double>(abs(plain - exact)), bound);
    }
  }
}

TYPED_TEST(AccurateDotTest, EqualVectorsGiveTheirSquaredNormToTheLastBit) {
  using Real = TypeParam;
  const RandomStream random(12, 0);
  std::vector<Real> x(784);
  for (std::size_t k = 0; k < x.size(); ++k) {
    x[k] = static_cast<Real>(random.normal(k));
  }
  const std::vector<Real> twin = x;

  EXPECT_EQ(accurate_dot(x.data(), twin.data(), 784), accurate_dot(x.data(), x.data(), 784));
}

TYPED_TEST(AccurateDotTest, HasTheSameBitsWithEveryInstructionSet) {
  using Real = TypeParam;
  const RandomStream random(13, 0);
  for (const std::int64_t d : {1, 15, 16, 17, 784}) {
    std::vector<Real> x(static_cast<std::size_t>(d));
    std::vector<Real> y(x.size());
    for (std::size_t k = 0; k < x.size(); ++k) {
      x[k] = static_cast<Real>(random.normal(k));
      y[k] = static_cast<Real>(random.normal(k, 1));
    }
    const double dot = accurate_dot(x.data(), y.data(), d);

    test::for_each_simd_target([&] { EXPECT_EQ(accurate_dot(x.data(), y.data(), d), dot) << d; });
  }
}

}  // namespace
}  // namespace ntkflow
