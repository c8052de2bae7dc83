#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>
#include <vector>

#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/redistribute.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/local.hpp>
#include <ntkflow/linalg/local_eigen.hpp>
#include <ntkflow/regression/random_functions.hpp>

#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kOutputs = 3;

double value_of(std::int64_t i, std::int64_t p) {
  return RandomStream(3, 5).normal(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(p));
}

Matrix<double> targets(std::int64_t n) {
  Matrix<double> r(n, kOutputs);
  for (std::int64_t c = 0; c < kOutputs; ++c) {
    for (std::int64_t i = 0; i < n; ++i) {
      r(i, c) = std::sin(static_cast<double>(i + 1) * (1.0 + static_cast<double>(c)));
    }
  }
  return r;
}

DistMatrix<double> spread(const std::shared_ptr<const ProcessGrid>& grid, std::int64_t block,
                          std::int64_t n, std::int64_t count) {
  DistMatrix<double> a(grid, n, count, block);
  a.fill(value_of);
  return a;
}

/// w = P^-1 F^T (F F^T / P + ridge)^+ r from a dense eigensystem of order N, whatever P is.
Matrix<double> dense_weights(std::int64_t n, std::int64_t count, double ridge,
                             const Matrix<double>& r) {
  Matrix<double> f(n, count);
  for (std::int64_t p = 0; p < count; ++p) {
    for (std::int64_t i = 0; i < n; ++i) {
      f(i, p) = value_of(i, p);
    }
  }
  const double share = 1.0 / static_cast<double>(count);
  const auto& values = std::as_const(f);
  Matrix<double> gram(n, n);
  multiply<double>(Transpose::no, Transpose::yes, share, values.view(), values.view(), 0.0,
                   gram.view());
  const LocalEigenSystem eigen = diagonalise_local(std::as_const(gram).view());
  Matrix<double> modes(n, kOutputs);
  multiply<double>(Transpose::yes, Transpose::no, 1.0, eigen.vectors.view(), r.view(), 0.0,
                   modes.view());
  for (std::int64_t j = 0; j < n; ++j) {
    const double lambda = eigen.values[static_cast<std::size_t>(j)];
    const bool is_zero = ridge == 0.0 && lambda < 1e-12 * eigen.values.back();
    for (std::int64_t c = 0; c < kOutputs; ++c) {
      modes(j, c) = is_zero ? 0.0 : modes(j, c) / (lambda + ridge);
    }
  }
  Matrix<double> alpha(n, kOutputs);
  multiply<double>(Transpose::no, Transpose::no, 1.0, eigen.vectors.view(),
                   std::as_const(modes).view(), 0.0, alpha.view());
  Matrix<double> weights(count, kOutputs);
  multiply<double>(Transpose::yes, Transpose::no, share, values.view(), std::as_const(alpha).view(),
                   0.0, weights.view());
  return weights;
}

double largest_difference(const Matrix<double>& a, const Matrix<double>& b) {
  double largest = a.rows() == b.rows() && a.cols() == b.cols() ? 0.0 : INFINITY;
  for (std::int64_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
  }
  return largest;
}

TEST(FitFunctionsTest, IsLeastSquaresOnEitherSide) {
  constexpr std::int64_t kSamples = 29;
  const Matrix<double> r = targets(kSamples);
  const Communicator world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    for (const std::int64_t count : {1, 7, 28, 29, 30, 64}) {
      for (const double ridge : {0.0, 1e-3, 0.5}) {
        SCOPED_TRACE(testing::Message() << count << " functions, ridge " << ridge);
        const auto values = spread(grid, 4, kSamples, count);
        const Matrix<double> w = fit_functions(values, r, ridge, silent_monitor());
        const Matrix<double> expected = dense_weights(kSamples, count, ridge, r);
        double scale = 0.0;
        for (std::int64_t i = 0; i < expected.size(); ++i) {
          scale = std::max(scale, std::abs(expected.data()[i]));
        }
        // Near N functions without a ridge are badly conditioned, and the matrix is squared.
        const bool is_near = ridge == 0.0 && std::abs(count - kSamples) <= 1;
        EXPECT_LE(largest_difference(w, expected), (is_near ? 1e-6 : 1e-10) * scale);
        EXPECT_GT(largest_difference(w, dense_weights(kSamples, count, ridge + 1e-2, r)),
                  1e-6 * scale);
      }
    }
  }
}

TEST(FitFunctionsTest, InterpolatesWithEnoughFunctionsAndNoRidge) {
  constexpr std::int64_t kSamples = 29;
  const Matrix<double> r = targets(kSamples);
  const Communicator world = Communicator::world();
  const auto grid = ProcessGrid::create(world, automatic_grid(world.size()));
  const auto values = spread(grid, 4, kSamples, 90);
  const Matrix<double> w = fit_functions(values, r, 0.0, silent_monitor());
  EXPECT_LE(largest_difference(multiply_leading(values, w), r), 1e-10);
}

TEST(FitFunctionsTest, FactorOfTheKernelAsFunctionsIsTheKernelItself) {
  // sqrt(P) L as values of P = N + M functions at all points: their kernel is K = L L^T exactly.
  constexpr std::int64_t kSamples = 31;
  constexpr std::int64_t kPoints = 43;
  constexpr double kRidge = 1e-2;
  const auto kernel = [](std::int64_t i, std::int64_t j) {
    return std::exp(-0.05 * std::abs(static_cast<double>(i - j))) + (i == j ? 0.1 : 0.0);
  };
  const Matrix<double> r = targets(kSamples);
  const Communicator world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    DistMatrix<double> joint(grid, kPoints, kPoints, 4);
    joint.fill(kernel);
    DistMatrix<double> train = leading_part(joint, kSamples, kSamples);
    for_each_diagonal(train, [&](std::int64_t, double& value) { value += kRidge; });
    const auto train_factor = factor_cholesky(std::move(train));
    const Matrix<double> alpha = std::get<CholeskyFactor<double>>(train_factor).solve(r);
    const auto factored = factor_cholesky(std::move(joint));
    DistMatrix<double> values(grid, kPoints, kPoints, 4);
    values.fill([](std::int64_t i, std::int64_t j) { return i == j ? std::sqrt(43.0) : 0.0; });
    std::get<CholeskyFactor<double>>(factored).multiply_lower(values);
    const Matrix<double> w =
        fit_functions(leading_part(values, kSamples, kPoints), r, kRidge, silent_monitor());
    const Matrix<double> f = multiply_leading(values, w);
    for (std::int64_t i = 0; i < kPoints; ++i) {
      for (std::int64_t c = 0; c < kOutputs; ++c) {
        double exact = 0.0;
        for (std::int64_t j = 0; j < kSamples; ++j) {
          exact += kernel(i, j) * alpha(j, c);
        }
        EXPECT_LE(std::abs(f(i, c) - exact), 1e-9);
      }
    }
  }
}

TEST(DrawFunctionsTest, HaveTheCovarianceOfTheProcess) {
  constexpr std::int64_t kPoints = 11;
  constexpr std::int64_t kCount = 20'000;
  const auto covariance = [](std::int64_t i, std::int64_t j) {
    return std::exp(-0.3 * std::abs(static_cast<double>(i - j))) *
           (2.0 + 0.1 * static_cast<double>(i * j));
  };
  const Communicator world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    DistMatrix<double> k(grid, kPoints, kPoints, 4);
    k.fill(covariance);
    const auto factored = factor_cholesky(std::move(k));
    const auto& factor = std::get<CholeskyFactor<double>>(factored);
    const Matrix<double> values = replicate(draw_functions(factor, kCount, 17, 3));
    const Matrix<double> other = replicate(draw_functions(factor, kCount, 17, 4));
    const Matrix<double> few = replicate(draw_functions(factor, 7, 17, 3));
    const auto moment = [&](const Matrix<double>& a, const Matrix<double>& b, std::int64_t i,
                            std::int64_t j) {
      double sum = 0.0;
      for (std::int64_t p = 0; p < kCount; ++p) {
        sum += a(i, p) * b(j, p);
      }
      return sum / static_cast<double>(kCount);
    };
    for (std::int64_t i = 0; i < kPoints; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        const double expected = covariance(i, j);
        const double deviation =
            std::sqrt(covariance(i, i) * covariance(j, j) + expected * expected);
        const double bound = test::standard_error_bound(5.0, deviation, kCount);
        EXPECT_LE(std::abs(moment(values, values, i, j) - expected), bound);
        EXPECT_LE(std::abs(moment(values, other, i, j)), bound);  // of another draw: independent
      }
      for (std::int64_t p = 0; p < few.cols(); ++p) {
        EXPECT_LE(std::abs(few(i, p) - values(i, p)), test::ulp_bound<double>(100.0, 10.0));
      }
    }
  }
}

TEST(LeadingPartTest, IsTheUpperLeftOfTheMatrix) {
  const Communicator world = Communicator::world();
  for (const GridShape shape : test::all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    const auto a = spread(grid, 3, 17, 11);
    for (const auto& [rows, cols] : {std::pair{17, 11}, std::pair{7, 10}, std::pair{1, 1}}) {
      const Matrix<double> part = replicate(leading_part(a, rows, cols));
      ASSERT_EQ(part.rows(), rows);
      ASSERT_EQ(part.cols(), cols);
      for (std::int64_t j = 0; j < cols; ++j) {
        for (std::int64_t i = 0; i < rows; ++i) {
          EXPECT_EQ(part(i, j), value_of(i, j));
        }
      }
      Matrix<double> x(cols, 2);
      for (std::int64_t i = 0; i < x.size(); ++i) {
        x.data()[i] = std::cos(static_cast<double>(i));
      }
      const Matrix<double> product = multiply_leading(a, x);
      for (std::int64_t i = 0; i < a.rows(); ++i) {
        double sum = 0.0;
        for (std::int64_t j = 0; j < cols; ++j) {
          sum += value_of(i, j) * x(j, 1);
        }
        EXPECT_NEAR(product(i, 1), sum, 1e-13);
      }
    }
  }
}

TEST(PowerOfSizeTest, FindsThePower) {
  const std::vector<std::int64_t> sizes = {10, 30, 100, 1000};
  Matrix<double> error(4, 3);
  for (std::int64_t j = 0; j < 3; ++j) {
    for (std::int64_t i = 0; i < 4; ++i) {
      error(i, j) = (1.0 + static_cast<double>(j)) *
                    std::pow(static_cast<double>(sizes[static_cast<std::size_t>(i)]),
                             -0.5 + 0.1 * static_cast<double>(j - 1));
    }
  }
  const auto power = power_of_size(sizes, std::as_const(error).view());
  ASSERT_TRUE(power.has_value());
  EXPECT_NEAR(power->slope, -0.5, 1e-12);
  EXPECT_NEAR(power->standard_error, 0.1 / std::sqrt(3.0), 1e-12);
  const auto single = power_of_size(sizes, std::as_const(error).view().block(0, 0, 4, 1));
  ASSERT_TRUE(single.has_value());
  EXPECT_TRUE(std::isnan(single->standard_error));
}

TEST(PowerOfSizeTest, LeavesOutErrorsOfZero) {
  const std::vector<std::int64_t> sizes = {10, 100, 1000};
  Matrix<double> error(3, 3);
  for (std::int64_t i = 0; i < 3; ++i) {
    error(i, 0) = std::pow(static_cast<double>(sizes[static_cast<std::size_t>(i)]), -0.4);
    error(i, 1) = std::pow(static_cast<double>(sizes[static_cast<std::size_t>(i)]), -0.6);
  }
  error(2, 1) = 0.0;  // the line goes through the two others
  error(0, 2) = 1.0;  // a single point has none
  const auto power = power_of_size(sizes, std::as_const(error).view());
  ASSERT_TRUE(power.has_value());
  EXPECT_NEAR(power->slope, -0.5, 1e-12);
  EXPECT_NEAR(power->standard_error, 0.1, 1e-12);
  EXPECT_FALSE(power_of_size(sizes, std::as_const(error).view().block(0, 2, 3, 1)).has_value());
}

}  // namespace
}  // namespace ntkflow
