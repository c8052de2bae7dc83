#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <span>
#include <vector>

#include <Random123/philox.h>
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

/// Elements first ... first + n - 1 of row i.
template <class Real>
std::vector<Real> row_of(const RandomStream& stream, std::uint64_t i, std::uint64_t first,
                         std::size_t n) {
  std::vector<Real> values(n);
  stream.normals(i, first, values);
  return values;
}

// Box and Muller's formula from the generator's own words.
TEST(NormalsTest, AreBoxAndMullers) {
  constexpr std::uint64_t kSeed = 8;
  constexpr std::uint64_t kStream = 3;
  constexpr std::uint64_t kRow = 17;
  const auto row = row_of<double>(RandomStream(kSeed, kStream), kRow, 0, 4000);
  const auto unit = [](std::uint64_t bits) {
    return std::ldexp(static_cast<double>(bits >> 12) + 0.5, -52);
  };
  for (std::uint64_t e = 0; e < row.size(); ++e) {
    const auto words = r123::Philox4x64{}({{kRow, e / 4, 1, 0}}, {{kSeed, kStream}});
    const std::uint64_t angle_word = words[e % 4 / 2 * 2 + 1];
    const double radius = std::sqrt(-2.0 * std::log(unit(words[e % 4 / 2 * 2])));
    const double angle = std::numbers::pi / 2.0 * unit(angle_word << 2);
    const bool is_negative = (angle_word >> (e % 2 == 0 ? 63 : 62)) % 2 == 1;
    const double distance = radius * (e % 2 == 0 ? std::cos(angle) : std::sin(angle));
    ASSERT_NEAR(row[e], is_negative ? -distance : distance, ulp_bound<double>(4.0, radius)) << e;
  }
}

TEST(NormalsTest, DoNotDependOnHowTheRowIsCut) {
  const RandomStream stream(9, 4);
  constexpr std::size_t kLength = 43;
  const auto whole = row_of<double>(stream, 5, 0, kLength);
  for (std::size_t first = 0; first <= kLength; ++first) {
    for (std::size_t n = 0; first + n <= kLength; ++n) {
      const auto part = row_of<double>(stream, 5, first, n);
      ASSERT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + first)) << first << ' ' << n;
    }
  }
  EXPECT_NE(row_of<double>(stream, 5, 1, 4), row_of<double>(stream, 5, 0, 4)) << "blunt";
}

TEST(NormalsTest, FloatsAreTheDoublesRounded) {
  const RandomStream stream(10, 4);
  const auto doubles = row_of<double>(stream, 2, 3, 1001);
  const auto floats = row_of<float>(stream, 2, 3, 1001);
  for (std::size_t e = 0; e < doubles.size(); ++e) {
    ASSERT_EQ(floats[e], static_cast<float>(doubles[e]));
  }
}

TEST(NormalsTest, EveryArgumentMattersAndSingleNormalsAreOthers) {
  const auto row = row_of<double>(RandomStream(1, 2), 3, 0, 64);
  std::vector<std::vector<double>> others = {
      row_of<double>(RandomStream(2, 2), 3, 0, 64), row_of<double>(RandomStream(1, 3), 3, 0, 64),
      row_of<double>(RandomStream(1, 2), 4, 0, 64), row_of<double>(RandomStream(1, 2), 3, 64, 64),
      row_of<double>(RandomStream(1, 2), 3 + (std::uint64_t{1} << 32), 0, 64)};
  others.emplace_back();
  others.emplace_back();
  for (std::uint64_t j = 0; j < 64; ++j) {
    others[5].push_back(RandomStream(1, 2).normal(3, j));
    others[6].push_back(RandomStream(1, 2).normal(j, 3));
  }
  for (const auto& other : others) {
    for (const double value : row) {
      EXPECT_EQ(std::count(other.begin(), other.end(), value), 0);
    }
  }
}

TEST(NormalsTest, MomentsAndCorrelations) {
  const auto row = row_of<double>(RandomStream(11, 1), 6, 0, kDraws + 8);
  const std::array<double, 4> means{0.0, 1.0, 0.0, 3.0};
  const std::array<double, 4> second{1.0, 3.0, 15.0, 105.0};

  const auto found = moments([&](std::uint64_t e) { return row[e]; });

  for (std::size_t p = 0; p < 4; ++p) {
    const double deviation = std::sqrt(second[p] - means[p] * means[p]);
    EXPECT_NEAR(found[p], means[p], standard_error_bound(5.0, deviation, kDraws)) << p;
  }
  // Neighbours share a word, a block or nothing; their signs and their sizes are independent.
  const auto size = [&](std::uint64_t e) { return row[e] * row[e] - 1.0; };
  const double bound = standard_error_bound(5.0, 1.0, kDraws);
  for (std::uint64_t shift = 1; shift <= 5; ++shift) {
    const auto here = [&](std::uint64_t e) { return row[e]; };
    EXPECT_NEAR(covariance(here, [&](std::uint64_t e) { return row[e + shift]; }), 0.0, bound);
    EXPECT_NEAR(covariance(size, [&](std::uint64_t e) { return size(e + shift); }), 0.0,
                2.0 * bound);
  }
  EXPECT_GT(std::abs(covariance(size, size)), 2.0 * bound) << "blunt";
}

// Kolmogorov's distance to the normal distribution: its square root of n fold exceeds 2.5 once in
// 130 000 draws of a seed.
TEST(NormalsTest, HaveTheNormalDistribution) {
  auto row = row_of<double>(RandomStream(12, 1), 6, 0, kDraws);
  std::sort(row.begin(), row.end());
  const auto distance = [&](double deviation) {
    double largest = 0.0;
    for (std::size_t k = 0; k < row.size(); ++k) {
      const double below = 0.5 * std::erfc(-row[k] / (deviation * std::numbers::sqrt2));
      const double share = (static_cast<double>(k) + 0.5) / static_cast<double>(kDraws);
      largest = std::max(largest, std::abs(below - share));
    }
    return largest;
  };
  const double bound = standard_error_bound(2.5, 1.0, kDraws);
  EXPECT_LT(distance(1.0), bound);
  EXPECT_GT(distance(1.05), bound) << "blunt";
}

}  // namespace
}  // namespace ntkflow::test
