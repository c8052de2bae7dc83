#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

#include <ntkflow/base/random.hpp>
#include <ntkflow/dynamics/local_flow.hpp>

#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kPoints = 13;

/// B B^T / 13 + 0.1 I of random B: eigenvalues between 0.1 and about 4.
Matrix<double> kernel() {
  const RandomStream random(5, 1);
  Matrix<double> b(kPoints, kPoints);
  for (std::int64_t i = 0; i < b.size(); ++i) {
    b.data()[i] = random.normal(static_cast<std::uint64_t>(i));
  }
  Matrix<double> k(kPoints, kPoints);
  for (std::int64_t i = 0; i < kPoints; ++i) {
    for (std::int64_t j = 0; j < kPoints; ++j) {
      k(i, j) = i == j ? 0.1 : 0.0;
      for (std::int64_t l = 0; l < kPoints; ++l) {
        k(i, j) += b(i, l) * b(j, l) / static_cast<double>(kPoints);
      }
    }
  }
  return k;
}

Matrix<double> residual() {
  Matrix<double> r(kPoints, 2);
  for (std::int64_t i = 0; i < r.size(); ++i) {
    r.data()[i] = std::sin(1.0 + 2.0 * static_cast<double>(i));
  }
  return r;
}

/// Coefficients of so many explicit steps: A += rate/N (r - K A).
Matrix<double> explicit_descent(const Matrix<double>& k, const Matrix<double>& r, double rate,
                                std::int64_t steps, std::int64_t samples) {
  Matrix<double> a(r.rows(), r.cols());
  for (std::int64_t step = 0; step < steps; ++step) {
    Matrix<double> next = a.clone();
    for (std::int64_t i = 0; i < r.rows(); ++i) {
      for (std::int64_t j = 0; j < r.cols(); ++j) {
        double left = r(i, j);
        for (std::int64_t l = 0; l < r.rows(); ++l) {
          left -= k(i, l) * a(l, j);
        }
        next(i, j) += rate / static_cast<double>(samples) * left;
      }
    }
    a = std::move(next);
  }
  return a;
}

double largest_difference(const Matrix<double>& a, const Matrix<double>& b) {
  double largest = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
  }
  return largest;
}

double largest(const Matrix<double>& a) {
  return largest_difference(a, Matrix<double>(a.rows(), a.cols()));
}

TEST(LocalFlowTest, DescentEqualsExplicitSteps) {
  const Matrix<double> k = kernel();
  const Matrix<double> r = residual();
  const LocalFlow flow(k.view(), kPoints);
  for (const double rate : {0.3, 1.9 / flow.lambda_max()}) {
    for (const std::int64_t steps : {0, 1, 2, 50}) {
      const Matrix<double> expected = explicit_descent(k, r, rate, steps, kPoints);
      const double bound =
          test::ulp_bound<double>(100.0 * static_cast<double>(steps + 1), largest(expected));
      EXPECT_LE(largest_difference(flow.descent(r, rate, steps), expected), bound);
      if (steps > 0) {
        EXPECT_GT(largest_difference(flow.descent(r, rate, steps + 1), expected), bound);
      }
    }
  }
}

TEST(LocalFlowTest, SmallStepsOfDescentApproachTheFlow) {
  const Matrix<double> k = kernel();
  const Matrix<double> r = residual();
  const LocalFlow flow(k.view(), kPoints);
  const double t = 3.0 / flow.lambda_max();
  const Matrix<double> exact = flow.flow(r, t);
  const double coarse = largest_difference(flow.descent(r, t / 1000.0, 1000), exact);
  const double fine = largest_difference(flow.descent(r, t / 2000.0, 2000), exact);
  EXPECT_NEAR(coarse / fine, 2.0, 0.01);
  EXPECT_LT(coarse, 0.01 * largest(exact));
}

TEST(LocalFlowTest, InfiniteTimeSolvesTheSystem) {
  const Matrix<double> k = kernel();
  const Matrix<double> r = residual();
  const Matrix<double> a =
      LocalFlow(k.view(), kPoints).flow(r, std::numeric_limits<double>::infinity());
  double norm = 0.0;
  for (std::int64_t i = 0; i < kPoints; ++i) {
    double row = 0.0;
    for (std::int64_t l = 0; l < kPoints; ++l) {
      row += std::abs(k(i, l));
    }
    norm = std::max(norm, row);
  }
  for (std::int64_t i = 0; i < kPoints; ++i) {
    for (std::int64_t j = 0; j < r.cols(); ++j) {
      double left = r(i, j);
      for (std::int64_t l = 0; l < kPoints; ++l) {
        left -= k(i, l) * a(l, j);
      }
      EXPECT_LE(std::abs(left), test::solve_bound<double>(kPoints, norm, largest(a)));
    }
  }
}

TEST(LocalFlowTest, WithSeveralOutputsTimeGoesByTheSamples) {
  const Matrix<double> k = kernel();
  Matrix<double> twice(2 * kPoints, 2 * kPoints);
  for (std::int64_t i = 0; i < kPoints; ++i) {
    for (std::int64_t j = 0; j < kPoints; ++j) {
      twice(i, j) = k(i, j);
      twice(kPoints + i, kPoints + j) = k(i, j);
    }
  }
  const Matrix<double> r = residual();
  Matrix<double> stacked(2 * kPoints, 1);
  std::copy_n(r.data(), r.size(), stacked.data());

  const Matrix<double> together = LocalFlow(twice.view(), kPoints).flow(stacked, 2.5);
  const Matrix<double> apart = LocalFlow(k.view(), kPoints).flow(r, 2.5);

  for (std::int64_t i = 0; i < r.size(); ++i) {
    EXPECT_NEAR(together.data()[i], apart.data()[i],
                test::ulp_bound<double>(100.0 * 2 * kPoints, largest(apart)));
  }
}

TEST(LocalFlowTest, TheNullSpaceDoesNotMove) {
  Matrix<double> k(2, 2);
  std::fill_n(k.data(), 4, 1.0);
  Matrix<double> r(2, 1);
  r(0, 0) = 1.0;
  r(1, 0) = -1.0;
  const LocalFlow flow(k.view(), 2);
  const Matrix<double> a = flow.flow(r, std::numeric_limits<double>::infinity());
  EXPECT_LE(largest(a), test::ulp_bound<double>(4.0, 1.0));
}

}  // namespace
}  // namespace ntkflow
