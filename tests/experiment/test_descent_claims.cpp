#include <cmath>

#include <gtest/gtest.h>

#include "descent_claims.hpp"

namespace ntkflow::test {
namespace {

const std::vector<std::int64_t> kCounts{32, 64, 128, 256, 512};
constexpr std::int64_t kSamples = 128;

/// Of a small ridge, as theory has it.
DescentCurve peaked() {
  DescentCurve curve;
  curve.mean = {0.8, 0.9, 50.0, 0.5, 0.3};
  curve.error = {0.01, 0.02, 20.0, 0.02, 0.01};
  curve.theory = {0.81, 0.88, 60.0, 0.48, 0.29};
  curve.variance = {0.2, 0.4, 59.0, 0.2, 0.06};
  curve.limit = 0.2;
  return curve;
}

/// Of a large ridge.
DescentCurve falling() {
  DescentCurve curve = peaked();
  curve.mean = {0.8, 0.6, 0.4, 0.3, 0.2};
  curve.theory = curve.mean;
  curve.error = {0.01, 0.01, 0.01, 0.01, 0.01};
  return curve;
}

TEST(DescentClaimsTest, ThePeakIsAtTheSamplesUpToAStep) {
  DescentCurve curve = peaked();
  EXPECT_TRUE(peak_claim(curve, kCounts, kSamples).holds());
  EXPECT_EQ(peak_claim(curve, kCounts, kSamples).value, 0.0);
  curve.mean[1] = 51.0;
  EXPECT_TRUE(peak_claim(curve, kCounts, kSamples).holds());
  curve.mean[0] = 52.0;
  EXPECT_FALSE(peak_claim(curve, kCounts, kSamples).holds());
}

TEST(DescentClaimsTest, BeyondThePeakTheErrorFalls) {
  DescentCurve curve = peaked();
  EXPECT_TRUE(fall_claim(curve).holds());
  curve.mean[4] = curve.mean[3] + 2.9 * std::hypot(curve.error[3], curve.error[4]);
  EXPECT_TRUE(fall_claim(curve).holds());
  curve.mean[4] = curve.mean[3] + 3.1 * std::hypot(curve.error[3], curve.error[4]);
  EXPECT_FALSE(fall_claim(curve).holds());
}

TEST(DescentClaimsTest, ManyFeaturesAreNearTheory) {
  // Variance and bias of 0.06 and 0.03, and three standard errors of 0.01.
  DescentCurve curve = peaked();
  EXPECT_TRUE(limit_claim(curve).holds());
  EXPECT_NEAR(limit_claim(curve).tolerance, 0.12, 1e-12);
  curve.mean[4] = 0.29 + 0.119;
  EXPECT_TRUE(limit_claim(curve).holds());
  curve.mean[4] = 0.29 + 0.121;
  EXPECT_FALSE(limit_claim(curve).holds());
  // A ridge that improves the kernel has a bias below its error: the tolerance is no less.
  curve = peaked();
  curve.limit = 0.26;
  curve.mean[4] = 0.29;
  EXPECT_NEAR(limit_claim(curve).tolerance, 0.12, 1e-12);
  curve.limit = 0.35;
  EXPECT_TRUE(limit_claim(curve).holds());
  curve.mean[4] = 0.6;
  EXPECT_FALSE(limit_claim(curve).holds());
}

TEST(DescentClaimsTest, AwayFromTheSamplesTheErrorIsThatOfTheory) {
  DescentCurve curve = peaked();
  EXPECT_TRUE(theory_claim({falling(), curve}, kCounts, kSamples).holds());
  curve.mean[2] *= 10.0;  // the peak is not looked at
  EXPECT_TRUE(theory_claim({falling(), curve}, kCounts, kSamples).holds());
  // 2 / sqrt(128) is 0.177, with three standard errors of 0.02 / 0.48 each 0.302.
  curve.mean[3] = 0.48 * 1.29;
  EXPECT_TRUE(theory_claim({falling(), curve}, kCounts, kSamples).holds());
  curve.mean[3] = 0.48 * 1.31;
  EXPECT_FALSE(theory_claim({falling(), curve}, kCounts, kSamples).holds());
  // More samples are nearer to theory.
  curve.mean[3] = 0.48 * 1.2;
  EXPECT_TRUE(theory_claim({curve}, kCounts, kSamples).holds());
  std::vector<std::int64_t> many = kCounts;
  for (std::int64_t& count : many) {
    count *= 100;
  }
  EXPECT_FALSE(theory_claim({curve}, many, 100 * kSamples).holds());
}

TEST(DescentClaimsTest, ALargeRidgeTakesThePeakAway) {
  DescentCurve curve = falling();
  ASSERT_TRUE(taken_away_claim(curve, kCounts, kSamples));
  EXPECT_TRUE(taken_away_claim(curve, kCounts, kSamples)->holds());
  curve.mean[2] = 0.6 + 2.9 * std::hypot(0.01, 0.01);
  EXPECT_TRUE(taken_away_claim(curve, kCounts, kSamples)->holds());
  curve.mean[2] = 0.6 + 3.1 * std::hypot(0.01, 0.01);
  EXPECT_FALSE(taken_away_claim(curve, kCounts, kSamples)->holds());
  // A rising curve has no peak there either.
  curve.mean = {0.1, 0.2, 0.3, 0.4, 0.5};
  EXPECT_TRUE(taken_away_claim(curve, kCounts, kSamples)->holds());
  EXPECT_FALSE(taken_away_claim(curve, kCounts, 100));
  EXPECT_FALSE(taken_away_claim(curve, kCounts, 32));
  EXPECT_FALSE(taken_away_claim(curve, kCounts, 512));
}

TEST(DescentClaimsTest, WideNetworksAreNearTheTangentKernel) {
  // Of a gap of -0.2 at width 16 an eighth may be left at 1,024, and three errors of 0.001.
  EXPECT_TRUE(network_claim(0.027, 0.001, -0.2, 16, 1024).holds());
  EXPECT_FALSE(network_claim(0.029, 0.001, -0.2, 16, 1024).holds());
  EXPECT_FALSE(network_claim(-0.029, 0.001, -0.2, 16, 1024).holds());
}

}  // namespace
}  // namespace ntkflow::test
