#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>
#include <support/tolerance.hpp>

#include "norm_estimate.hpp"

namespace ntkflow::test {
namespace {

using Rows = std::vector<std::vector<double>>;

double exact_norm(const Rows& b) {
  double largest = 0.0;
  for (const auto& row : b) {
    double sum = 0.0;
    for (const double value : row) {
      sum += std::abs(value);
    }
    largest = std::max(largest, sum);
  }
  return largest;
}

double estimated_norm(const Rows& b, int* calls = nullptr) {
  return estimate_symmetric_norm(static_cast<std::int64_t>(b.size()), [&](std::vector<double>& x) {
    std::vector<double> y(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      for (std::size_t j = 0; j < x.size(); ++j) {
        y[i] += b[i][j] * x[j];
      }
    }
    x = y;
    if (calls != nullptr) {
      ++*calls;
    }
  });
}

TEST(EstimateSymmetricNormTest, ExactForMatricesOfOneSign) {
  for (const std::size_t n : {1U, 2U, 3U, 10U, 57U}) {
    Rows b(n, std::vector<double>(n));
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        b[i][j] = 1.0 / static_cast<double>(i + j + 1);
      }
    }
    const double norm = exact_norm(b);
    EXPECT_NEAR(estimated_norm(b), norm, ulp_bound<double>(static_cast<double>(2 * n), norm)) << n;
  }
}

TEST(EstimateSymmetricNormTest, LowerBoundWithinFactorOfThree) {
  std::minstd_rand random(7);
  std::uniform_real_distribution<double> uniform(-1.0, 1.0);
  for (int trial = 0; trial < 200; ++trial) {
    const auto n = static_cast<std::size_t>(2 + trial % 40);
    Rows b(n, std::vector<double>(n));
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j <= i; ++j) {
        b[i][j] = uniform(random);
        b[j][i] = b[i][j];
      }
    }
    const double norm = exact_norm(b);
    int calls = 0;
    const double estimate = estimated_norm(b, &calls);
    EXPECT_LE(estimate, norm + ulp_bound<double>(static_cast<double>(2 * n), norm));
    EXPECT_GE(estimate, norm / 3.0);
    EXPECT_LE(calls, 11);
  }
}

TEST(EstimateSymmetricNormTest, DiagonalFindsItsLargestElement) {
  Rows b(20, std::vector<double>(20));
  for (std::size_t i = 0; i < 20; ++i) {
    b[i][i] = i == 13 ? -1e6 : 1.0;
  }
  EXPECT_EQ(estimated_norm(b), 1e6);
}

TEST(EstimateSymmetricNormTest, OverflowIsNotHidden) {
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Rows b(5, std::vector<double>(5, 1.0));
    b[4][4] = value;
    EXPECT_FALSE(std::isfinite(estimated_norm(b)));
  }
}

TEST(EstimateSymmetricNormTest, EmptyMatrix) {
  EXPECT_EQ(estimated_norm({}), 0.0);
}

}  // namespace
}  // namespace ntkflow::test
