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

TEST(DiagonaliseTest, CircleEigenvaluesAreTheFourierTransformOfARow) {
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

TEST(DiagonaliseTest, CubeMultiplicitiesAreBinomialCoefficients) {
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

TEST(CertifyTest, RightVectorsHoldToRounding) {
  constexpr std::int64_t kPoints = 40;
  const auto sample = [](std::int64_t position, std::int64_t input) {
    return circle(position, input, kPoints);
  };
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Solved solved = solve(shape, 5, 2, kPoints, sample);
    const KernelOperator k(solved.kernel, silent_monitor());
    const EigenCertificate certificate = certify(solved.eigen, k);
    EXPECT_LE(certificate.residual, test::eigen_bound<double>(kPoints, 1.0));
    EXPECT_LE(certificate.orthogonality, test::eigen_bound<double>(kPoints, 1.0));
  }
}

TEST(EigenOperatorTest, IsTheKernelMatrix) {
  constexpr std::int64_t kPoints = 30;
  const auto sample = [](std::int64_t position, std::int64_t input) {
    return circle(position, input, kPoints);
  };
  const Solved solved = solve(automatic_grid(Communicator::world().size()), 4, 2, kPoints, sample);
  const KernelOperator k(solved.kernel, silent_monitor());
  Matrix<double> x(kPoints, 2);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    x.data()[i] = std::sin(static_cast<double>(i));
  }
  const Matrix<double> product = EigenOperator(solved.eigen).apply(x);
  const Matrix<double> expected = k.apply(x);
  const Matrix<double> leading = leading_vectors(solved.eigen, 3);
  const Matrix<double> image = k.apply(leading);
  const double norm = solved.eigen.values.back() * std::sqrt(static_cast<double>(kPoints));
  for (std::int64_t i = 0; i < x.size(); ++i) {
    EXPECT_LE(std::abs(product.data()[i] - expected.data()[i]),
              test::eigen_bound<double>(kPoints, norm));
  }
  for (std::int64_t j = 0; j < 3; ++j) {
    const double value = solved.eigen.values[static_cast<std::size_t>(kPoints - 1 - j)];
    for (std::int64_t i = 0; i < kPoints; ++i) {
      EXPECT_LE(std::abs(image(i, j) - value * leading(i, j)),
                test::eigen_bound<double>(kPoints, norm));
    }
  }
}

/// K = 0.
struct ZeroOperator : LinearOperator {
  explicit ZeroOperator(std::int64_t size) : n(size) {}
  [[nodiscard]] std::int64_t size() const override { return n; }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    return {x.rows(), x.cols()};
  }
  std::int64_t n;
};

TEST(CertifyTest, DividesByNoZero) {
  DistMatrix<double> zero(
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size())), 9,
      9, 4);
  zero.fill([](std::int64_t, std::int64_t) { return 0.0; });
  const auto outcome = diagonalise(std::move(zero));
  const EigenCertificate certificate =
      certify(std::get<EigenSystem<double>>(outcome), ZeroOperator(9));
  EXPECT_EQ(certificate.residual, 0.0);
  EXPECT_LE(certificate.orthogonality, test::eigen_bound<double>(9, 1.0));
}

TEST(CertifyTest, SeesAWrongVector) {
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
  const EigenCertificate certificate = certify(solved.eigen, k);
  EXPECT_GT(certificate.residual, test::eigen_bound<double>(kPoints, 1.0));
  EXPECT_GT(certificate.orthogonality, test::eigen_bound<double>(kPoints, 1.0));
}

}  // namespace
}  // namespace ntkflow
