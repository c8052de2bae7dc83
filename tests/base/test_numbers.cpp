#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include <ntkflow/base/numbers.hpp>

#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

TEST(NormalQuantileTest, KnowsPublishedValues) {
  // Wichura (1988), Algorithm AS 241.
  EXPECT_NEAR(normal_quantile(0.5), 0.0, test::ulp_bound<double>(1.0, 1.0));
  EXPECT_NEAR(normal_quantile(0.25), -0.67448975019608174, test::ulp_bound<double>(8.0, 1.0));
  EXPECT_NEAR(normal_quantile(0.001), -3.0902323061678136, test::ulp_bound<double>(8.0, 4.0));
  EXPECT_NEAR(normal_quantile(1e-20), -9.2623400897984061, test::ulp_bound<double>(8.0, 10.0));
  EXPECT_NEAR(normal_quantile(0.975), 1.9599639845400545, test::ulp_bound<double>(8.0, 2.0));
}

TEST(NormalQuantileTest, InvertsTheDistributionFunction) {
  for (double p = 1e-300; p < 0.5; p *= 1.7) {
    const double x = normal_quantile(p);
    const double back = 0.5 * std::erfc(-x / std::numbers::sqrt2);
    // The relative condition of the tail is x^2.
    const double bound = test::ulp_bound<double>(8.0 * (1.0 + x * x), p);
    EXPECT_NEAR(back, p, bound);
    EXPECT_GT(std::abs(0.5 * std::erfc(-(x + 1e-9) / std::numbers::sqrt2) - p), bound);
  }
}

}  // namespace
}  // namespace ntkflow
