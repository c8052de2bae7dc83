#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/random.hpp>

#include "statistics.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr int kCount = 17;

/// 1, 2, ..., n.
std::vector<double> first_integers(int n) {
  std::vector<double> values;
  for (int i = 1; i <= n; ++i) {
    values.push_back(i);
  }
  return values;
}

// Of 1 ... n: mean (n + 1) / 2, variance n (n + 1) / 12, mean square (n + 1) (2 n + 1) / 6.
TEST(StatisticsTest, OfIntegersAreTheirClosedForms) {
  for (const int n : {2, 3, kCount}) {
    const std::vector<double> values = first_integers(n);
    EXPECT_EQ(mean(values), (n + 1) / 2.0);
    const double variance = n * (n + 1) / 12.0;
    const double deviation = standard_deviation(values);
    EXPECT_NEAR(deviation * deviation, variance, ulp_bound<double>(4 * n, variance));
    const double mean_square = (n + 1) * (2 * n + 1) / 6.0;
    const double rms = root_mean_square(values);
    EXPECT_NEAR(rms * rms, mean_square, ulp_bound<double>(4 * n, mean_square));
    // Divided by n instead of n - 1, it would be another number.
    EXPECT_GT(std::abs(variance - variance * (n - 1) / n), ulp_bound<double>(4 * n, variance));
  }
  EXPECT_EQ(standard_deviation(std::vector{3.0}), 0.0);
  EXPECT_EQ(standard_deviation({}), 0.0);
}

TEST(StatisticsTest, DeviationIsThatAroundTheMean) {
  std::vector<double> values = first_integers(kCount);
  const double deviation = standard_deviation(values);
  for (double& value : values) {
    value += 1e8;
  }
  // The shift rounds nothing here; what is left is the sum of the squares.
  EXPECT_NEAR(standard_deviation(values), deviation, ulp_bound<double>(4 * kCount, deviation));
}

TEST(LineTest, ThroughPointsOnALineIsThatLine) {
  const std::vector<double> x = first_integers(kCount);
  std::vector<double> y;
  for (const double value : x) {
    y.push_back(3.0 - 0.5 * value);
  }
  const Line line = fit_line(x, y);
  EXPECT_EQ(line.slope, -0.5);
  EXPECT_EQ(line.intercept, 3.0);
  EXPECT_EQ(line.slope_error, 0.0);
  const Line two = fit_line(std::vector{1.0, 3.0}, std::vector{5.0, 6.0});
  EXPECT_EQ(two.slope, 0.5);
  EXPECT_EQ(two.intercept, 4.5);
  EXPECT_EQ(two.slope_error, 0.0);
}

// y = 1, 0, 2 at x = 0, 1, 2: slope 1/2, intercept 1/2, residuals 1/2, -1, 1/2 with squares 3/2,
// so that the error of the slope is sqrt(3/2 / 1 / 2).
TEST(LineTest, IsThatOfLeastSquares) {
  const Line line = fit_line(std::vector{0.0, 1.0, 2.0}, std::vector{1.0, 0.0, 2.0});
  EXPECT_NEAR(line.slope, 0.5, ulp_bound<double>(8, 1.0));
  EXPECT_NEAR(line.intercept, 0.5, ulp_bound<double>(8, 1.0));
  EXPECT_NEAR(line.slope_error, std::sqrt(0.75), ulp_bound<double>(8, 1.0));
}

TEST(LineTest, ErrorIsTheSpreadOfSlopes) {
  constexpr int kTrials = 2000;
  const RandomStream random(7, 1);
  const std::vector<double> x = first_integers(kCount);
  std::vector<double> slopes;
  double squared_errors = 0.0;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> y;
    for (std::size_t i = 0; i < x.size(); ++i) {
      y.push_back(2.0 * x[i] + random.normal(static_cast<std::uint64_t>(trial), i));
    }
    const Line line = fit_line(x, y);
    slopes.push_back(line.slope);
    squared_errors += line.slope_error * line.slope_error / kTrials;
  }
  const double deviation = standard_deviation(slopes);
  EXPECT_NEAR(mean(slopes), 2.0, standard_error_bound(5.0, deviation, kTrials));
  // A sample's variance has relative standard error sqrt(2 / n); that of the mean square error of
  // kCount - 2 residuals is smaller still.
  const double bound = 5.0 * std::sqrt(2.0 / kTrials) * 1.1;
  EXPECT_NEAR(squared_errors / (deviation * deviation), 1.0, bound);
}

TEST(PowerTest, LeavesOutWhatHasNoLogarithm) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> x{1.0, 2.0, 3.0, 3.0, 4.0, 5.0, 6.0};
  const std::vector<double> values{
      4.0, 2.0, 1.0, 0.0, kInfinity, std::numeric_limits<double>::quiet_NaN(), -1.0};
  const auto line = fit_power(x, values);
  ASSERT_TRUE(line);
  EXPECT_EQ(line->slope, -1.0);
  EXPECT_EQ(line->intercept, 3.0);
  EXPECT_FALSE(fit_power(std::vector{3.0, 3.0, 4.0}, std::vector{1.0, 2.0, 0.0}));
  EXPECT_FALSE(fit_power(x, std::vector<double>(x.size(), 0.0)));
  EXPECT_FALSE(fit_power({}, {}));
}

}  // namespace
}  // namespace ntkflow::test
