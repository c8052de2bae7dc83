#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include <ntkflow/base/random.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "random_features.hpp"
#include "statistics.hpp"
#include "study_problem.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

/// A^-1 B by elimination with the largest pivots.
Matrix<double> eliminated(Matrix<double> a, Matrix<double> b) {
  const std::int64_t n = a.rows();
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k; i < n; ++i) {
      pivot = std::abs(a(i, k)) > std::abs(a(pivot, k)) ? i : pivot;
    }
    const auto exchange = [&](Matrix<double>& m) {
      for (std::int64_t j = 0; j < m.cols(); ++j) {
        std::swap(m(k, j), m(pivot, j));
      }
    };
    exchange(a);
    exchange(b);
    for (std::int64_t i = 0; i < n; ++i) {
      const double factor = i == k ? 0.0 : a(i, k) / a(k, k);
      for (std::int64_t j = 0; j < n; ++j) {
        a(i, j) -= factor * a(k, j);
      }
      for (std::int64_t j = 0; j < b.cols(); ++j) {
        b(i, j) -= factor * b(k, j);
      }
    }
  }
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < b.cols(); ++j) {
      b(i, j) /= a(i, i);
    }
  }
  return b;
}

TEST(FeatureCountsTest, AreWholeNumbersOnce) {
  EXPECT_EQ(feature_counts(std::vector{0.01, 0.02, 0.5, 1.0, 2.26}, 10),
            (std::vector<std::int64_t>{1, 5, 10, 23}));
}

TEST(RegressOnFeaturesTest, SolvesTheNormalEquations) {
  constexpr std::int64_t kSamples = 7;
  for (const std::int64_t count : {1, 3, 7, 8, 20}) {
    const Matrix<double> train = normal_samples(count, kSamples, 2);
    const Matrix<double> test = normal_samples(count, 5, 3);
    const Matrix<double> y = normal_samples(kSamples, 1, 4);
    const std::vector<double> ridges{1e-3, 0.5};
    const Matrix<double> f = regress_on_features(train, test, y, ridges);
    ASSERT_EQ(f.cols(), 2);
    for (std::int64_t r = 0; r < 2; ++r) {
      const double ridge = ridges[static_cast<std::size_t>(r)];
      Matrix<double> gram(count, count);
      Matrix<double> right(count, 1);
      double norm = 0.0;
      for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t s = 0; s < kSamples; ++s) {
          right(i, 0) += train(i, s) * y(s, 0);
          for (std::int64_t j = 0; j < count; ++j) {
            gram(i, j) += train(i, s) * train(j, s);
          }
        }
        norm += gram(i, i);
        gram(i, i) += ridge;
      }
      const Matrix<double> theta = eliminated(std::move(gram), std::move(right));
      for (std::int64_t m = 0; m < 5; ++m) {
        double expected = 0.0;
        double size = 0.0;
        for (std::int64_t i = 0; i < count; ++i) {
          expected += theta(i, 0) * test(i, m);
          size += std::abs(theta(i, 0) * test(i, m));
        }
        // The elimination amplifies rounding by at most the condition number.
        EXPECT_NEAR(f(m, r), expected, solve_bound<double>(count, norm / ridge, size + 1.0));
      }
    }
  }
}

/// A kernel, and draws of its Gaussian process at training and test points as features.
struct Process {
  static constexpr std::int64_t kTrain = 40;
  static constexpr std::int64_t kTest = 30;
  static constexpr std::int64_t kAll = kTrain + kTest;

  Process() : kernel(kAll, kAll), root(kAll, kAll), y(kTrain, 1), test_y(kTest, 1) {
    const Matrix<double> x = normal_samples(4, kAll, 5);
    for (std::int64_t i = 0; i < kAll; ++i) {
      for (std::int64_t j = 0; j < kAll; ++j) {
        double square = 0.0;
        for (std::int64_t k = 0; k < 4; ++k) {
          square += std::pow(x(k, i) - x(k, j), 2);
        }
        kernel(i, j) = std::exp(-square / 8.0) + (i == j ? 1e-6 : 0.0);
      }
      (i < kTrain ? y(i, 0) : test_y(i - kTrain, 0)) = std::sin(x(0, i)) + 0.3 * x(1, i);
    }
    const Matrix<double> noise = normal_samples(kTrain, 1, 6);
    for (std::int64_t i = 0; i < kTrain; ++i) {
      y(i, 0) += 0.3 * noise(i, 0);
    }
    for (std::int64_t j = 0; j < kAll; ++j) {  // kernel = root root'
      for (std::int64_t i = j; i < kAll; ++i) {
        double left = kernel(i, j);
        for (std::int64_t k = 0; k < j; ++k) {
          left -= root(i, k) * root(j, k);
        }
        root(i, j) = i == j ? std::sqrt(left) : left / root(j, j);
      }
    }
  }

  [[nodiscard]] Matrix<double> part(std::int64_t row, std::int64_t col, std::int64_t rows,
                                    std::int64_t cols) const {
    Matrix<double> copy(rows, cols);
    for (std::int64_t j = 0; j < cols; ++j) {
      for (std::int64_t i = 0; i < rows; ++i) {
        copy(i, j) = kernel(row + i, col + j);
      }
    }
    return copy;
  }

  [[nodiscard]] GaussianFeatures theory() const {
    std::vector<double> diagonal;
    for (std::int64_t i = kTrain; i < kAll; ++i) {
      diagonal.push_back(kernel(i, i));
    }
    return {part(0, 0, kTrain, kTrain), part(0, kTrain, kTrain, kTest), diagonal, y, test_y};
  }

  /// Mean square error on the test points of regression on `count` draws.
  [[nodiscard]] double drawn_error(double ridge, std::int64_t count, std::uint64_t stream) const {
    const Matrix<double> white = normal_samples(kAll, count, 1000 + stream);
    Matrix<double> train(count, kTrain);
    Matrix<double> test(count, kTest);
    for (std::int64_t i = 0; i < kAll; ++i) {
      for (std::int64_t p = 0; p < count; ++p) {
        double value = 0.0;
        for (std::int64_t k = 0; k <= i; ++k) {
          value += root(i, k) * white(k, p);
        }
        (i < kTrain ? train(p, i) : test(p, i - kTrain)) =
            value / std::sqrt(static_cast<double>(count));
      }
    }
    const Matrix<double> f = regress_on_features(train, test, y, std::vector{ridge});
    double sum = 0.0;
    for (std::int64_t i = 0; i < kTest; ++i) {
      sum += std::pow(f(i, 0) - test_y(i, 0), 2) / kTest;
    }
    return sum;
  }

  Matrix<double> kernel;
  Matrix<double> root;
  Matrix<double> y;
  Matrix<double> test_y;
};

TEST(GaussianFeaturesTest, EffectiveRidgeSolvesItsEquation) {
  const Process process;
  const GaussianFeatures theory = process.theory();
  const Matrix<double> kernel = process.part(0, 0, Process::kTrain, Process::kTrain);
  for (const double ridge : {1e-6, 1e-2, 3.0}) {
    double before = INFINITY;
    for (const std::int64_t count : {1, 10, 40, 41, 1000, 1000000}) {
      const double e = theory.effective_ridge(ridge, count);
      const auto defect = [&](double at) {
        Matrix<double> shifted = kernel.clone();
        for (std::int64_t i = 0; i < kernel.rows(); ++i) {
          shifted(i, i) += at;
        }
        const Matrix<double> ratio = eliminated(std::move(shifted), kernel.clone());
        double trace = 0.0;
        for (std::int64_t i = 0; i < kernel.rows(); ++i) {
          trace += ratio(i, i);
        }
        return std::abs(at - ridge - at / static_cast<double>(count) * trace) / at;
      };
      EXPECT_LT(defect(e), 1e-9);
      EXPECT_GT(defect(1.01 * e), 1e-9);
      EXPECT_LT(e, before);
      EXPECT_GT(e, ridge);
      before = e;
    }
    EXPECT_NEAR(before, ridge, 1e-4 * ridge + 1e-4);
  }
}

// Draws of the process itself; terms of relative order 1/N and 1/P are neglected in theory.
TEST(GaussianFeaturesTest, ErrorIsThatOfDraws) {
  const Process process;
  const GaussianFeatures theory = process.theory();
  for (const std::int64_t count : {10, 20, 80, 160}) {
    constexpr double kRidge = 0.05;
    std::vector<double> errors;
    for (std::uint64_t draw = 0; draw < 100; ++draw) {
      errors.push_back(
          process.drawn_error(kRidge, count, 1000 * static_cast<std::uint64_t>(count) + draw));
    }
    const double expected = theory.error(kRidge, count);
    const double tolerance = 5.0 * standard_deviation(errors) / 10.0 +
                             (1.0 / static_cast<double>(count) + 1.0 / Process::kTrain) * expected;
    EXPECT_NEAR(mean(errors), expected, tolerance) << count;
    // What it is not: the error with the kernel itself, nor that of the mean of f.
    EXPECT_GT(expected - theory.kernel_error(kRidge), tolerance) << count;
    EXPECT_GT(mean(errors) - theory.kernel_error(theory.effective_ridge(kRidge, count)), tolerance)
        << count;
  }
}

TEST(GaussianFeaturesTest, TendsToTheKernelAndPeaksAtTheSamples) {
  const GaussianFeatures theory = Process().theory();
  EXPECT_NEAR(theory.error(0.01, std::int64_t{1} << 40), theory.kernel_error(0.01), 1e-9);
  EXPECT_GT(theory.error(1e-6, 40), 10.0 * theory.error(1e-6, 10));
  EXPECT_GT(theory.error(1e-6, 40), 10.0 * theory.error(1e-6, 160));
  EXPECT_LT(theory.error(0.3, 40), theory.error(0.3, 10));
}

}  // namespace
}  // namespace ntkflow::test
