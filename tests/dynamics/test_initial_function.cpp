#include <cmath>
#include <cstdint>

#include <ntkflow/base/random.hpp>
#include <ntkflow/dynamics/initial_function.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>

#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kDimension = 3;

double sample(std::int64_t position, std::int64_t input) {
  return RandomStream(5, 1).normal(static_cast<std::uint64_t>(position),
                                   static_cast<std::uint64_t>(input));
}

Architecture network() {
  return {2, {"erf", {}}, 1.5, 0.1, FirstLayer::normalised};
}

KernelMatrix<double> covariance(GridShape shape, std::int64_t block, std::int64_t points) {
  return test::make_kernel<double>(ProcessGrid::create(Communicator::world(), shape), network(),
                                   KernelType::nngp, block, kDimension, points, sample);
}

InitialValues draw(GridShape shape, std::int64_t block, std::int64_t points, std::int64_t train,
                   std::int64_t outputs, std::uint64_t seed) {
  auto outcome = draw_gaussian_process(
      covariance(shape, block, points).assemble_symmetric(Triangle::lower, silent_monitor()), train,
      outputs, seed, silent_monitor());
  EXPECT_TRUE(std::holds_alternative<InitialValues>(outcome));
  return std::move(std::get<InitialValues>(outcome));
}

TEST(DrawGaussianProcessTest, IsTheCholeskyFactorTimesCountedNormals) {
  // The draw for a serial grid, by the textbook recursion on the matrix itself, must come out on
  // every grid and block.
  constexpr std::int64_t kPoints = 9;
  const auto world = Communicator::world();
  const auto kernel = covariance(automatic_grid(world.size()), 4, kPoints);
  Matrix<double> unit(kPoints, kPoints);
  for (std::int64_t i = 0; i < kPoints; ++i) {
    unit(i, i) = 1.0;
  }
  const Matrix<double> k = kernel.multiply_symmetric(unit, silent_monitor());
  Matrix<double> l(kPoints, kPoints);
  for (std::int64_t j = 0; j < kPoints; ++j) {
    for (std::int64_t i = j; i < kPoints; ++i) {
      double sum = k(i, j);
      for (std::int64_t m = 0; m < j; ++m) {
        sum -= l(i, m) * l(j, m);
      }
      l(i, j) = i == j ? std::sqrt(sum) : sum / l(j, j);
    }
  }
  const RandomStream stream(42, 0);
  for (const GridShape shape : test::all_grids(world.size())) {
    for (const std::int64_t block : {1, 4, 16}) {
      const InitialValues values = draw(shape, block, kPoints, 6, 2, 42);
      ASSERT_EQ(values.train.rows(), 6);
      ASSERT_EQ(values.test.rows(), 3);
      for (std::int64_t c = 0; c < 2; ++c) {
        for (std::int64_t i = 0; i < kPoints; ++i) {
          double expected = 0.0;
          for (std::int64_t m = 0; m <= i; ++m) {
            expected += l(i, m) *
                        stream.normal(static_cast<std::uint64_t>(m), static_cast<std::uint64_t>(c));
          }
          const double value = i < 6 ? values.train(i, c) : values.test(i - 6, c);
          EXPECT_NEAR(value, expected, 1e-12);
        }
      }
    }
  }
}

TEST(DrawGaussianProcessTest, TrainingValuesDoNotDependOnTheTestSet) {
  const GridShape grid = automatic_grid(Communicator::world().size());
  const InitialValues with = draw(grid, 4, 9, 6, 1, 1);
  const InitialValues without = draw(grid, 4, 6, 6, 1, 1);
  for (std::int64_t i = 0; i < 6; ++i) {
    EXPECT_NEAR(with.train(i, 0), without.train(i, 0), 1e-13);
  }
}

TEST(DrawGaussianProcessTest, ManyDrawsHaveTheKernelAsCovariance) {
  constexpr std::int64_t kPoints = 4;
  constexpr std::int64_t kDraws = 20000;
  const auto kernel = covariance(automatic_grid(Communicator::world().size()), 4, kPoints);
  Matrix<double> unit(kPoints, kPoints);
  for (std::int64_t i = 0; i < kPoints; ++i) {
    unit(i, i) = 1.0;
  }
  const Matrix<double> k = kernel.multiply_symmetric(unit, silent_monitor());
  const InitialValues values =
      draw(automatic_grid(Communicator::world().size()), 4, kPoints, kPoints, kDraws, 9);
  for (std::int64_t i = 0; i < kPoints; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) {
      double mean = 0.0;
      for (std::int64_t c = 0; c < kDraws; ++c) {
        mean += values.train(i, c) * values.train(j, c) / static_cast<double>(kDraws);
      }
      const double standard_error =
          std::sqrt((k(i, i) * k(j, j) + k(i, j) * k(i, j)) / static_cast<double>(kDraws));
      EXPECT_LE(std::abs(mean - k(i, j)), 5.0 * standard_error);
    }
  }
}

TEST(DrawGaussianProcessTest, ReportsARepeatedPoint) {
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, automatic_grid(world.size()));
  DistMatrix<double> singular(grid, 5, 5, 2);
  singular.fill(
      [](std::int64_t i, std::int64_t j) { return i == j || (i == 3 && j == 1) ? 1.0 : 0.0; });
  const auto outcome = draw_gaussian_process(std::move(singular), 5, 1, 0, silent_monitor());
  ASSERT_ALL_RANKS(std::holds_alternative<NotPositiveDefinite>(outcome), world);
  EXPECT_EQ(std::get<NotPositiveDefinite>(outcome).order, 4);
}

}  // namespace
}  // namespace ntkflow
