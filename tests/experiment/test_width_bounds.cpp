#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>

#include "study_problem.hpp"
#include "width_bounds.hpp"

namespace ntkflow::test {
namespace {

double factorial(int n) {
  return std::tgamma(n + 1.0);
}

/// E g^(2 k) = (2 k - 1)!! of g ~ N(0, 1).
double normal_moment(int k) {
  double product = 1.0;
  for (int i = 1; i < 2 * k; i += 2) {
    product *= i;
  }
  return product;
}

/// E T^k at x = x' with sigma_w^2 q = 1: T = 1[g > 0] (g^2 + v^2).
double term_moment(int k) {
  double sum = 0.0;
  for (int i = 0; i <= k; ++i) {
    sum += factorial(k) / factorial(i) / factorial(k - i) * normal_moment(i) * normal_moment(k - i);
  }
  return sum / 2.0;
}

Matrix<double> unit_samples() {
  Matrix<double> x = normal_samples(3, 5, 7);
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    const double norm = std::hypot(x(0, i), x(1, i), x(2, i));
    for (std::int64_t k = 0; k < 3; ++k) {
      x(k, i) *= (1.0 - 0.1 * static_cast<double>(i)) / norm;
    }
  }
  return x;
}

TEST(ReluMomentsTest, BoundTheMomentsOfATerm) {
  const Moments moments =
      *relu_moments({2, {"relu", {}}, 1.0, 0.0, FirstLayer::plain}, unit_samples());
  bool is_sharp = false;
  for (int k = 2; k <= 20; ++k) {
    const double bound = factorial(k) / 2.0 * moments.variance * std::pow(moments.range, k - 2);
    EXPECT_LE(term_moment(k), bound * (1.0 + 1e-12)) << k;
    // Three fifths of the variance would not do.
    is_sharp = is_sharp || term_moment(k) > 0.6 * bound;
  }
  EXPECT_TRUE(is_sharp);
}

TEST(ReluMomentsTest, GrowWithWhatTheLayersMultiplyBy) {
  const Matrix<double> x = unit_samples();  // the longest has norm 1
  const Moments plain = *relu_moments({2, {"relu", {}}, 2.0, 0.5, FirstLayer::plain}, x);
  EXPECT_NEAR(plain.range, 4.0 * 2.0 * 1.5, 1e-12);
  EXPECT_NEAR(plain.variance, 6.0 * 9.0, 1e-12);
  const Moments scaled = *relu_moments({2, {"relu", {}}, 2.0, 0.5, FirstLayer::normalised}, x);
  EXPECT_NEAR(scaled.range, 4.0 * 2.0 * (2.0 / 3.0 + 0.5), 1e-12);
  EXPECT_FALSE(relu_moments({3, {"relu", {}}, 2.0, 0.0, FirstLayer::plain}, x));
  EXPECT_FALSE(relu_moments({2, {"erf", {}}, 2.0, 0.0, FirstLayer::plain}, x));
}

TEST(BernsteinWidthTest, IsTheFirstThatIsEnough) {
  const Moments moments{6.0, 4.0};
  for (const double t : {0.01, 0.3, 5.0}) {
    const auto failure = [&](double width) {
      return 7.0 * 8.0 / 2.0 * 2.0 *
             std::exp(-width * t * t / (2.0 * (moments.variance + moments.range * t)));
    };
    const double width = bernstein_width(moments, t, 7, 0.05);
    EXPECT_LE(failure(width), 0.05);
    EXPECT_GT(failure(width - 1.0), 0.05);
  }
}

TEST(BoundsTest, AreThoseOfThePapers) {
  EXPECT_NEAR(arora_width(2, 0.1, 0.05), 64.0 * 1e4 * std::log(40.0), 1e-6);
  EXPECT_NEAR(du_start_width(10, 0.5, 0.1), 400.0 * std::log(100.0), 1e-9);
  EXPECT_NEAR(du_training_width(10, 0.5, 0.1), 1.6e10, 1.0);
}

TEST(QuantileTest, IsTheValueThatAFractionDoesNotExceed) {
  const std::vector<double> values{5, 3, 1, 4, 2};
  EXPECT_EQ(quantile_at(values, 0.2), 1.0);
  EXPECT_EQ(quantile_at(values, 0.21), 2.0);
  EXPECT_EQ(quantile_at(values, 0.6), 3.0);
  EXPECT_EQ(quantile_at(values, 0.99), 5.0);
  EXPECT_EQ(quantile_at(values, 1e-9), 1.0);
  std::vector<double> many(100);
  for (int i = 0; i < 100; ++i) {
    many[static_cast<std::size_t>(i)] = i + 1;
  }
  EXPECT_EQ(quantile_at(many, 0.9), 90.0);
  EXPECT_EQ(quantile_at(many, 1.0 - 0.9), 10.0);
}

TEST(WidthWithinTest, FindsWhereAQuantityStaysBelow) {
  const std::vector<double> logs{3, 4, 5, 6};
  EXPECT_NEAR(*width_within(logs, std::vector{4.0, 2.0, 1.0, 0.5}, 1.5), std::exp2(4.5), 1e-9);
  EXPECT_NEAR(*width_within(logs, std::vector{4.0, 2.0, 1.0, 0.5}, 0.5), 64.0, 1e-9);
  EXPECT_NEAR(*width_within(logs, std::vector{4.0, 2.0, 1.0, 0.5}, 9.0), 8.0, 1e-9);
  // Not where it is below by chance.
  EXPECT_NEAR(*width_within(logs, std::vector{4.0, 1.0, 3.0, 1.0}, 2.0), std::exp2(5.5), 1e-9);
  EXPECT_FALSE(width_within(logs, std::vector{4.0, 2.0, 1.0, 0.5}, 0.4));
}

TEST(BroughtTogetherTest, KeepsTheNormAndMakesTheAngle) {
  const Matrix<double> x = unit_samples();
  for (const double angle : {1e-4, 0.5, 3.0}) {
    const Matrix<double> moved = brought_together(x, angle);
    double ab = 0.0;
    double across = 0.0;
    double norm = 0.0;
    for (std::int64_t k = 0; k < 3; ++k) {
      EXPECT_EQ(moved(k, 0), x(k, 0));
      EXPECT_EQ(moved(k, 4), x(k, 4));
      ab += moved(k, 0) * moved(k, 1);
      norm += moved(k, 1) * moved(k, 1);
      // Sample 0 has norm 1: what is left of sample 1 without its part along it.
      across += std::pow(moved(k, 1) - 0.9 * std::cos(angle) * moved(k, 0), 2);
    }
    EXPECT_NEAR(std::sqrt(norm), 0.9, 1e-14);
    EXPECT_NEAR(ab, 0.9 * std::cos(angle), 1e-14);
    EXPECT_NEAR(std::sqrt(across), 0.9 * std::sin(angle), 1e-12);
  }
  Matrix<double> line(2, 2);
  line(0, 0) = 1.0;
  line(0, 1) = -2.0;
  EXPECT_THROW(brought_together(line, 0.1), NumericalError);
}

}  // namespace
}  // namespace ntkflow::test
