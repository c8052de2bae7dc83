#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <cstdint>
#include <map>
#include <numbers>
#include <vector>

#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/spectrum/summary.hpp>

#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

Architecture network() {
  return {3, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised};
}

struct Solved {
  KernelMatrix<double> kernel;
  EigenSystem<double> eigen;
};

Solved solve(GridShape shape, std::int64_t block, std::int64_t d, std::int64_t n,
             const test::SampleFunction& sample) {
  auto kernel = test::make_kernel<double>(ProcessGrid::create(Communicator::world(), shape),
                                          network(), KernelType::ntk, block, d, n, sample);
  auto outcome = diagonalise(kernel.assemble_symmetric(Triangle::lower, silent_monitor()));
  return {std::move(kernel), std::move(std::get<EigenSystem<double>>(outcome))};
}

double circle(std::int64_t position, std::int64_t input, std::int64_t n) {
  const double angle =
      2.0 * std::numbers::pi * static_cast<double>(position) / static_cast<double>(n);
  return input == 0 ? std::cos(angle) : std::sin(angle);
}

TEST(SummariseSpectrumTest, CircleEigenvaluesAreTheFourierTransformOfARow) {
  constexpr std::int64_t kPoints = 96;
  const auto sample = [](std::int64_t position, std::int64_t input) {
    return circle(position, input, kPoints);
  };
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Solved solved = solve(shape, 7, 2, kPoints, sample);
    Matrix<double> unit(kPoints, 1);
    unit(0, 0) = 1.0;
    const Matrix<double> row = solved.kernel.multiply_symmetric(unit, silent_monitor());
    std::vector<double> transform;
    for (std::int64_t k = 0; k < kPoints; ++k) {
      double sum = 0.0;
      for (std::int64_t j = 0; j < kPoints; ++j) {
        sum +=
            row(j, 0) * std::cos(2.0 * std::numbers::pi * static_cast<double>((j * k) % kPoints) /
                                 static_cast<double>(kPoints));
      }
      transform.push_back(sum);
    }
    std::sort(transform.begin(), transform.end());
    for (std::size_t i = 0; i < transform.size(); ++i) {
      EXPECT_LE(std::abs(solved.eigen.values[i] - transform[i]),
                test::eigen_bound<double>(kPoints, transform.back()));
    }
  }
}

TEST(SummariseSpectrumTest, CubeMultiplicitiesAreBinomialCoefficients) {
  constexpr std::int64_t kBits = 10;
  constexpr std::int64_t kCorners = std::int64_t{1} << kBits;
  const auto corner = [](std::int64_t position, std::int64_t input) {
    return (position >> input & 1) != 0 ? 1.0 : -1.0;
  };
  const Solved solved =
      solve(automatic_grid(Communicator::world().size()), 64, kBits, kCorners, corner);
  // Independent: the eigenvalue of degree k is sum over corners x of K(1, x) times the character of
  // any k coordinates.
  Matrix<double> unit(kCorners, 1);
  unit(kCorners - 1, 0) = 1.0;
  const Matrix<double> row = solved.kernel.multiply_symmetric(unit, silent_monitor());
  std::vector<double> expected;
  std::int64_t multiplicity = 1;
  for (std::int64_t degree = 0; degree <= kBits; ++degree) {
    double sum = 0.0;
    for (std::int64_t x = 0; x < kCorners; ++x) {
      const auto flipped =
          std::popcount(static_cast<std::uint64_t>(~x & ((std::int64_t{1} << degree) - 1)));
      sum += (flipped % 2 == 0 ? 1.0 : -1.0) * row(x, 0);
    }
    expected.insert(expected.end(), static_cast<std::size_t>(multiplicity), sum);
    multiplicity = multiplicity * (kBits - degree) / (degree + 1);
  }
  std::sort(expected.begin(), expected.end());
  ASSERT_EQ(expected.size(), solved.eigen.values.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_LE(std::abs(solved.eigen.values[i] - expected[i]), 1e-11 * expected.back());
  }
}

TEST(SummariseSpectrumTest, EnergiesSumToTheResidualAndDegreesToTheRidge) {
  constexpr std::int64_t kPoints = 40;
  const auto sample = [](std::int64_t position, std::int64_t input) {
    return circle(position, input, kPoints);
  };
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Solved solved = solve(shape, 5, 2, kPoints, sample);
    Matrix<double> residual(kPoints, 2);
    double energy = 0.0;
    for (std::int64_t i = 0; i < residual.size(); ++i) {
      residual.data()[i] = std::sin(static_cast<double>(i));
      energy += residual.data()[i] * residual.data()[i] / static_cast<double>(kPoints);
    }
    const double ridge = 0.7;
    const KernelOperator k(solved.kernel, silent_monitor());
    const SpectrumSummary summary =
        summarise_spectrum(solved.eigen, k, modes_of(solved.eigen, residual), ridge);

    double total = 0.0;
    double dimension = 0.0;
    for (std::size_t i = 0; i < summary.eigenvalue.size(); ++i) {
      total += summary.target_energy[i];
      const double lambda = summary.eigenvalue[i] * static_cast<double>(kPoints);
      dimension += lambda / (lambda + ridge);
    }
    EXPECT_LE(test::relative_difference(total, energy), 1e-12);
    EXPECT_LE(test::relative_difference(dimension, summary.effective_dimension), 1e-12);
    EXPECT_TRUE(std::is_sorted(summary.eigenvalue.rbegin(), summary.eigenvalue.rend()));
    EXPECT_DOUBLE_EQ(summary.max_learning_rate, 2.0 / summary.eigenvalue.front());
    EXPECT_LE(summary.residual, test::eigen_bound<double>(kPoints, 1.0));
    EXPECT_LE(summary.orthogonality, test::eigen_bound<double>(kPoints, 1.0));
  }
}

TEST(SummariseSpectrumTest, ResidualAndOrthogonalitySeeAWrongVector) {
  constexpr std::int64_t kPoints = 40;
  const auto sample = [](std::int64_t position, std::int64_t input) {
    return circle(position, input, kPoints);
  };
  Solved solved = solve(automatic_grid(Communicator::world().size()), 5, 2, kPoints, sample);
  const auto vectors = solved.eigen.vectors.clone();
  solved.eigen.vectors.fill([&](std::int64_t i, std::int64_t j) {
    const double value = vectors.local()(vectors.row_map().to_local({i}).value,
                                         vectors.col_map().to_local({j}).value);
    return i == 3 && j == kPoints - 1 ? value + 1e-9 : value;
  });
  const KernelOperator k(solved.kernel, silent_monitor());
  const Matrix<double> modes(kPoints, 1);
  const SpectrumSummary summary = summarise_spectrum(solved.eigen, k, modes, 0.0);
  EXPECT_GT(summary.residual, test::eigen_bound<double>(kPoints, 1.0));
  EXPECT_GT(summary.orthogonality, test::eigen_bound<double>(kPoints, 1.0));
}

}  // namespace
}  // namespace ntkflow
