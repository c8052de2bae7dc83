#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "krylov_estimate.hpp"

namespace ntkflow {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

std::vector<double> logarithmic(double start, double stop, std::size_t count) {
  std::vector<double> times;
  for (std::size_t i = 0; i < count; ++i) {
    times.push_back(
        start * std::pow(stop / start, static_cast<double>(i) / static_cast<double>(count - 1)));
  }
  return times;
}

TEST(SampleTimesTest, TakesAllPositiveTimesOfAFew) {
  EXPECT_EQ(sample_times(std::vector<double>{}, 4), std::vector<std::size_t>{});
  EXPECT_EQ(sample_times(std::vector<double>{0.0, 0.0}, 4), std::vector<std::size_t>{});
  EXPECT_EQ(sample_times(std::vector<double>{0.0, 1.0, 5.0, kForever}, 4),
            (std::vector<std::size_t>{1, 2, 3}));
}

TEST(SampleTimesTest, SpreadsEvenlyOverDecades) {
  std::vector<double> times;  // 0, 1, ..., 100,000: most of them in the last decade
  for (int i = 0; i <= 100000; ++i) {
    times.push_back(i);
  }
  const auto samples = sample_times(times, 32);
  EXPECT_LE(samples.size(), 32U);
  EXPECT_GE(samples.size(), 25U);
  EXPECT_EQ(samples.front(), 1U);
  EXPECT_EQ(samples.back(), 100000U);
  for (std::size_t k = 1; k < samples.size(); ++k) {
    EXPECT_LE(times[samples[k]] / times[samples[k - 1]], 2.01);
  }
  times.back() = kForever;
  EXPECT_EQ(sample_times(times, 32).back(), 100000U);
  EXPECT_EQ(sample_times(logarithmic(1e-3, 1e6, 1000), 32).size(), 32U);
}

TEST(DefectTimesTest, LooksBeforeALateTime) {
  // Rates from 10 to 1e-3, and one that is zero to rounding and never moves.
  const std::vector<double> ritz{1e-15, 1e-2, 1.0, 100.0};
  const std::vector<double> late{1e6};
  const auto times = defect_times({}, ritz, late, 10);
  ASSERT_EQ(times.size(), 33U);
  EXPECT_DOUBLE_EQ(times.front(), 0.01);
  EXPECT_EQ(times.back(), 1e6);
  for (std::size_t k = 1; k + 1 < times.size(); ++k) {
    EXPECT_GT(times[k], times[k - 1]);
    EXPECT_LE(times[k] / times[k - 1], 2.0);
  }
  EXPECT_GE(times[31], 5e3) << "ends before the slowest has decayed";
  EXPECT_LE(times[31], 1e4);
  EXPECT_EQ(defect_times({}, ritz, std::vector<double>{kForever}, 10).back(), kForever);
}

TEST(DefectTimesTest, TakesNoTimeAfterTheLast) {
  const std::vector<double> ritz{1e-2, 100.0};
  const auto times = defect_times({}, ritz, std::vector<double>{0.02, 0.5}, 10);
  EXPECT_EQ(times.size(), 34U);
  EXPECT_EQ(times.back(), 0.5);
  const std::vector<double> early{1e-3, 2e-3};
  EXPECT_EQ(defect_times({}, ritz, early, 10), early);
  EXPECT_EQ(defect_times({}, ritz, {}, 10), std::vector<double>{});
  EXPECT_EQ(defect_times({}, std::vector<double>{0.0}, early, 10), early);
}

TEST(SpreadSamplesTest, TakesTheLargerNeighbour) {
  const std::vector<double> times{0.0, 1.0, 2.0, 3.0, 4.0};
  const std::vector<std::size_t> samples{1, 3, 4};
  const std::vector<double> values{5.0, 2.0, 7.0};
  EXPECT_EQ(spread_samples(times, samples, values), (std::vector<double>{0.0, 5.0, 5.0, 2.0, 7.0}));
  EXPECT_EQ(spread_samples(times, {}, {}), std::vector<double>(5, 0.0));
}

TEST(DefectTimesTest, OfAnOptimizerAreWholeSteps) {
  const std::vector<double> ritz{1e-2, 100.0};
  const TrainingRule rule{Optimizer::gradient_descent, 0.05, 0.0};
  const auto steps = defect_times(rule, ritz, std::vector<double>{5.0, 1e9}, 10);
  EXPECT_EQ(steps.size(), 34U);
  EXPECT_EQ(steps.front(), 1.0);
  EXPECT_EQ(steps.back(), 1e9);
  for (const double step : steps) {
    EXPECT_EQ(step, std::floor(step));
  }
}

/// 1 - exp(-t lambda / n).
std::function<double(double)> decayed(double t, std::int64_t n) {
  return [=](double lambda) { return TrainingRule{}.transmission(lambda, t, 1.0, n); };
}

TEST(ResonanceTest, IsTheLargestTransmissionAboveOne) {
  const std::vector<double> ritz{1.0, 4.0, 2.0};
  EXPECT_EQ(resonance(ritz, [](double lambda) { return 0.2 * lambda; }), 1.0);
  EXPECT_EQ(resonance(ritz, [](double lambda) { return lambda; }), 4.0);
}

TEST(WhiteTransmissionTest, IsTheRootMeanSquareOfTheDecayedPart) {
  // Eigenvalues 4 and twice 1, of which the first is a Ritz value.
  const std::vector<double> ritz{4.0};
  const double t = 0.6;
  const double expected = std::sqrt(
      (std::pow(1.0 - std::exp(-0.2 * 4.0), 2) + 2.0 * std::pow(1.0 - std::exp(-0.2), 2)) / 3.0);
  EXPECT_DOUBLE_EQ(white_transmission(ritz, 6.0, 3, decayed(t, 3)), expected);
  EXPECT_EQ(white_transmission(ritz, 6.0, 3, decayed(0.0, 3)), 0.0);
  EXPECT_EQ(white_transmission(ritz, 6.0, 3, decayed(kForever, 3)), 1.0);
  // Nothing is left for the others: they never move.
  EXPECT_DOUBLE_EQ(white_transmission(ritz, 4.0, 4, decayed(kForever, 4)), 0.5);
}

TEST(RemainingChangeTest, SumsAGeometricSeries) {
  for (const double ratio : {0.1, 0.3, 0.5, 0.7}) {
    const std::array<double, 3> changes{1.0, ratio, ratio * ratio};
    EXPECT_NEAR(remaining_change(changes), ratio * ratio * ratio / (1.0 - ratio), 1e-15);
  }
}

TEST(RemainingChangeTest, TrustsNoSuddenEndAndNoGrowth) {
  EXPECT_EQ(remaining_change(std::array{1.0, 1e-6, 1e-12}), 5e-15);
  EXPECT_DOUBLE_EQ(remaining_change(std::array{1.0, 0.9, 1e-3}), 0.9 * 0.45 / 0.55);
  EXPECT_EQ(remaining_change(std::array{1.0, 1.0, 2.0}), 6.0);
  EXPECT_EQ(remaining_change(std::array{0.0, 0.0, 2.0}), 6.0);
  EXPECT_EQ(remaining_change(std::array{0.0, 0.0, 0.0}), 0.0);
}

TEST(SpaceErrorTest, IsBoundedByTheDefect) {
  const std::array<double, 3> changes{1.0, 0.5, 0.25};
  EXPECT_DOUBLE_EQ(space_error(changes, kForever), 6.0 * 0.25);
  EXPECT_DOUBLE_EQ(space_error(changes, 1e-9), 2e-9);
}

TEST(RoundingErrorTest, GrowsWithWhatIsSummed) {
  const FlowScale scale{3.0, 0.5};
  EXPECT_DOUBLE_EQ(rounding_error(scale, 8.0, 16),
                   40.0 * std::numeric_limits<double>::epsilon() * 2.0 * 3.0);
  EXPECT_DOUBLE_EQ(expected_product_error(scale, 1e-8, 32.0, 16), 4.0 * 5e-9 * 2.0 * 3.0 * 0.5);
  EXPECT_DOUBLE_EQ(measured_product_error(scale, 1e-6), 4.0 * 1e-6 * 0.5);
}

}  // namespace
}  // namespace ntkflow
