#include <cmath>
#include <numbers>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

#include "statistics.hpp"
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

/// Terms of the first layer drawn from their definition.
class FirstLayerTerms {
 public:
  FirstLayerTerms(const Architecture& architecture, const Matrix<double>& x)
      : architecture_(architecture), x_(x.clone()), covariance_(x.cols(), x.cols()) {
    for (std::int64_t j = 0; j < x.cols(); ++j) {
      for (std::int64_t i = 0; i < x.cols(); ++i) {
        covariance_(i, j) = architecture.bias_variance;
        for (std::int64_t k = 0; k < x.rows(); ++k) {
          covariance_(i, j) += x(k, i) * x(k, j);
        }
      }
    }
  }

  [[nodiscard]] Matrix<double> draw(std::uint64_t number) const {
    const RandomStream random(3, number);
    const double v = random.normal(0);
    std::vector<bool> is_active;
    for (std::int64_t i = 0; i < x_.cols(); ++i) {
      double z = std::sqrt(architecture_.bias_variance) * random.normal(1);
      for (std::int64_t k = 0; k < x_.rows(); ++k) {
        z += random.normal(static_cast<std::uint64_t>(2 + k)) * x_(k, i);
      }
      is_active.push_back(z > 0.0);
    }
    Matrix<double> term(x_.cols(), x_.cols());
    for (std::int64_t j = 0; j < x_.cols(); ++j) {
      for (std::int64_t i = 0; i < x_.cols(); ++i) {
        const bool both =
            is_active[static_cast<std::size_t>(i)] && is_active[static_cast<std::size_t>(j)];
        term(i, j) = both ? architecture_.weight_variance * v * v * covariance_(i, j) : 0.0;
      }
    }
    return term;
  }

 private:
  Architecture architecture_;
  Matrix<double> x_;
  Matrix<double> covariance_;
};

Matrix<double> squared(const Matrix<double>& a) {
  Matrix<double> square(a.rows(), a.cols());
  for (std::int64_t j = 0; j < a.cols(); ++j) {
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      for (std::int64_t k = 0; k < a.rows(); ++k) {
        square(i, j) += a(i, k) * a(k, j);
      }
    }
  }
  return square;
}

TEST(FirstLayerTest, MomentsAreThoseOfDraws) {
  const Architecture architecture{2, {"relu", {}}, 2.0, 0.1, FirstLayer::plain};
  const FirstLayerTerms terms(architecture, unit_samples());
  const FirstLayerMoments moments = *relu_first_layer(architecture, unit_samples());
  constexpr int kDraws = 20000;
  double worst = 0.0;
  double worst_of_other = 0.0;
  std::vector<std::vector<double>> values(50);
  for (std::uint64_t draw = 0; draw < kDraws; ++draw) {
    const Matrix<double> term = terms.draw(draw);
    const Matrix<double> square = squared(term);
    for (std::size_t i = 0; i < 25; ++i) {
      values[i].push_back(term.data()[i]);
      values[25 + i].push_back(square.data()[i]);
    }
  }
  for (std::size_t i = 0; i < 50; ++i) {
    const double expected = i < 25 ? moments.mean.data()[i] : moments.mean_square.data()[i - 25];
    worst = std::max(worst, distance_in_errors(values[i], expected));
    worst_of_other = std::max(worst_of_other, distance_in_errors(values[i], 0.9 * expected));
  }
  EXPECT_LT(worst, 5.0);
  EXPECT_GT(worst_of_other, 5.0);
  EXPECT_FALSE(relu_first_layer({3, {"relu", {}}, 2.0, 0.0, FirstLayer::plain}, unit_samples()));
  EXPECT_FALSE(relu_first_layer({2, {"erf", {}}, 2.0, 0.0, FirstLayer::plain}, unit_samples()));
}

TEST(ChernoffWidthTest, IsEnoughAndOfTheOrderOfTheInverse) {
  // One sample: Y = v^2 1[z > 0], E Y = 1/2, E Y^2 = 3/2, of which the best theta is known.
  FirstLayerMoments one{Matrix<double>(1, 1), Matrix<double>(1, 1)};
  one.mean(0, 0) = 0.5;
  one.mean_square(0, 0) = 1.5;
  EXPECT_EQ(chernoff_width(one, 0.75, 0.1),
            std::ceil(std::log(10.0) * 2.0 * 1.5 / std::pow(0.25 * 0.5, 2)));
  // Terms at that width keep as much far more often than asked; at a hundredth of it they do not.
  const Architecture architecture{2, {"relu", {}}, 2.0, 0.1, FirstLayer::plain};
  const FirstLayerTerms terms(architecture, unit_samples());
  const FirstLayerMoments moments = *relu_first_layer(architecture, unit_samples());
  const double least = diagonalise_local(moments.mean.view()).values.front();
  const double width = chernoff_width(moments, 0.5, 0.1);
  const auto failures = [&](double units) {
    const auto count = static_cast<std::uint64_t>(units);
    int failed = 0;
    for (std::uint64_t repetition = 0; repetition < 10; ++repetition) {
      Matrix<double> mean(5, 5);
      for (std::uint64_t unit = 0; unit < count; ++unit) {
        const Matrix<double> term = terms.draw(repetition * count + unit);
        for (std::int64_t i = 0; i < 25; ++i) {
          mean.data()[i] += term.data()[i] / static_cast<double>(count);
        }
      }
      failed += diagonalise_local(mean.view()).values.front() < 0.5 * least ? 1 : 0;
    }
    return failed;
  };
  EXPECT_LE(failures(width), 1);
  EXPECT_GT(failures(std::ceil(width / 100.0)), 1);
  // Two samples that come together: l falls with their angle, and the width grows as 1 / l alone.
  const auto at = [&](double angle) {
    const Matrix<double> x = brought_together(unit_samples(), angle);
    const FirstLayerMoments near = *relu_first_layer(architecture, x);
    return chernoff_width(near, 0.75, 0.1) * diagonalise_local(near.mean.view()).values.front();
  };
  EXPECT_NEAR(at(1e-3) / at(1e-2), 1.0, 0.1);
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

using Side = WidthFound::Side;

void expect_width(const WidthFound& found, Side side, double width) {
  EXPECT_EQ(found.side, side);
  EXPECT_NEAR(found.width, width, 1e-9);
}

TEST(WidthWithinTest, FindsWhereAQuantityStaysBelow) {
  const std::vector<double> logs{3, 4, 5, 6};
  const std::vector<double> falling{4.0, 2.0, 1.0, 0.5};
  expect_width(width_within(logs, falling, 1.5), Side::exactly, std::exp2(4.5));
  expect_width(width_within(logs, falling, 0.5), Side::exactly, 64.0);
  // Not where it is below by chance.
  expect_width(width_within(logs, std::vector{4.0, 1.0, 3.0, 1.0}, 2.0), Side::exactly,
               std::exp2(5.5));
  // All that is known is a bound where the list begins too late or ends too soon.
  expect_width(width_within(logs, falling, 9.0), Side::at_most, 8.0);
  expect_width(width_within(logs, falling, 0.4), Side::more_than, 64.0);
}

TEST(CompareWidthsTest, LeavesOutWhatIsNotTold) {
  const auto compared = [](const WidthFound& smaller, const WidthFound& larger, double least) {
    return compare_widths(std::vector{least, 1.0}, std::vector{smaller, larger});
  };
  const WidthFound narrow{Side::at_most, 8.0};
  const WidthFound some{Side::exactly, 16.0};
  const WidthFound more{Side::exactly, 20.0};
  const WidthFound wide{Side::more_than, 64.0};
  const std::pair<WidthFound, WidthFound> growing[] = {
      {more, some}, {some, narrow}, {wide, some}, {wide, narrow}};
  for (const auto& [larger, smaller] : growing) {
    const Comparison found = compared(larger, smaller, 0.5);
    EXPECT_EQ(found.pairs, 1);
    EXPECT_EQ(found.growing, 1);
    const Comparison other = compared(smaller, larger, 0.5);
    EXPECT_EQ(other.pairs, 1);
    EXPECT_EQ(other.growing, 0);
    EXPECT_EQ(compared(larger, smaller, 0.51).pairs, 0);
  }
  EXPECT_EQ(compared(some, some, 0.5).pairs, 1);
  EXPECT_EQ(compared(some, some, 0.5).growing, 0);
  EXPECT_EQ(compared(narrow, narrow, 0.5).pairs, 0);
  EXPECT_EQ(compared(wide, wide, 0.5).pairs, 0);
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
