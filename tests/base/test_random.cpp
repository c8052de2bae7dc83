#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/random.hpp>

#include "../support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr std::int64_t kDraws = 200'000;

/// Means of the first four powers of kDraws values.
template <class Draw>
std::array<double, 4> moments(const Draw& draw) {
  std::array<double, 4> sums{};
  for (std::int64_t i = 0; i < kDraws; ++i) {
    double power = 1.0;
    for (double& sum : sums) {
      power *= draw(static_cast<std::uint64_t>(i));
      sum += power / static_cast<double>(kDraws);
    }
  }
  return sums;
}

/// Mean of the products of two sequences with mean 0.
template <class First, class Second>
double covariance(const First& first, const Second& second) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < kDraws; ++i) {
    sum += first(static_cast<std::uint64_t>(i)) * second(static_cast<std::uint64_t>(i));
  }
  return sum / static_cast<double>(kDraws);
}

TEST(RandomStreamTest, ElementsDoNotDependOnTheOrder) {
  const RandomStream stream(1, 2);
  std::vector<double> forward;
  for (std::uint64_t i = 0; i < 100; ++i) {
    forward.push_back(stream.normal(i, i / 10));
  }

  for (std::uint64_t i = 100; i-- > 0;) {
    EXPECT_EQ(RandomStream(1, 2).normal(i, i / 10), forward[i]);
  }
}

TEST(RandomStreamTest, EveryArgumentMatters) {
  const std::uint64_t reference = RandomStream(1, 2).bits(3, 4);
  EXPECT_NE(RandomStream(2, 2).bits(3, 4), reference);
  EXPECT_NE(RandomStream(1, 3).bits(3, 4), reference);
  EXPECT_NE(RandomStream(1, 2).bits(4, 4), reference);
  EXPECT_NE(RandomStream(1, 2).bits(3, 5), reference);
  EXPECT_NE(RandomStream(2, 1).bits(3, 4), reference);
  EXPECT_NE(RandomStream(1, 2).bits(4, 3), reference);
  EXPECT_NE(RandomStream(1, 2).bits(3 + (std::uint64_t{1} << 32), 4), reference);
}

// Random123's known answers for philox4x64 with 10 rounds: counter 0, key 0.
TEST(RandomStreamTest, IsPhilox4x64) {
  EXPECT_EQ(RandomStream(0, 0).bits(0, 0), 0x16554d9eca36314cU);
}

// The centre of a cell of width 2^-52 is an odd multiple of 2^-53, and so neither 0 nor 1. With
// cells of 2^-53 the centre of the last one would round to 1.
TEST(RandomStreamTest, UniformIsInsideItsOpenInterval) {
  const RandomStream stream(3, 0);
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const double u = stream.uniform(i);
    ASSERT_GT(u, 0.0);
    ASSERT_LT(u, 1.0);
    ASSERT_EQ(std::fmod(std::ldexp(u, 53), 2.0), 1.0) << u;
  }
}

TEST(RandomStreamTest, MomentsOfTheUniform) {
  const RandomStream stream(4, 0);

  const auto found = moments([&](std::uint64_t i) { return stream.uniform(i); });

  for (int p = 1; p <= 4; ++p) {
    const double mean = 1.0 / (p + 1);
    const double deviation = std::sqrt(1.0 / (2 * p + 1) - mean * mean);
    const double bound = standard_error_bound(5.0, deviation, kDraws);
    EXPECT_NEAR(found[static_cast<std::size_t>(p - 1)], mean, bound) << p;
    EXPECT_GT(std::abs(0.98 * found[static_cast<std::size_t>(p - 1)] - mean), bound) << "blunt";
  }
}

TEST(RandomStreamTest, MomentsOfTheNormal) {
  const RandomStream stream(5, 1);
  const std::array<double, 4> means{0.0, 1.0, 0.0, 3.0};
  const std::array<double, 4> second{1.0, 3.0, 15.0, 105.0};  // means of the powers squared

  const auto found = moments([&](std::uint64_t i) { return stream.normal(i / 1000, i % 1000); });

  for (std::size_t p = 0; p < 4; ++p) {
    const double deviation = std::sqrt(second[p] - means[p] * means[p]);
    EXPECT_NEAR(found[p], means[p], standard_error_bound(5.0, deviation, kDraws)) << p;
  }
}

TEST(RandomStreamTest, NeighboursStreamsAndSeedsAreUncorrelated) {
  const RandomStream stream(6, 0);
  const auto here = [&](std::uint64_t i) { return stream.normal(i); };
  const double bound = standard_error_bound(5.0, 1.0, kDraws);

  EXPECT_NEAR(covariance(here, [&](std::uint64_t i) { return stream.normal(i + 1); }), 0.0, bound);
  EXPECT_NEAR(covariance(here, [&](std::uint64_t i) { return stream.normal(i, 1); }), 0.0, bound);
  EXPECT_NEAR(covariance(here, [](std::uint64_t i) { return RandomStream(6, 1).normal(i); }), 0.0,
              bound);
  EXPECT_NEAR(covariance(here, [](std::uint64_t i) { return RandomStream(7, 0).normal(i); }), 0.0,
              bound);
  EXPECT_GT(std::abs(covariance(here, here)), bound) << "blunt";
}

}  // namespace
}  // namespace ntkflow::test
