#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <utility>
#include <variant>

#include <gtest/gtest.h>
#include <support/tolerance.hpp>

#include <ntkflow/dist/redistribute.hpp>

#include "matrices.hpp"
#include "ntkflow/linalg/eigen.hpp"

namespace ntkflow::test {
namespace {

/// The eigensystem of a matrix that must have one; a failure on one rank is one on all.
template <class Real>
EigenSystem<Real> eigensystem_of(DistMatrix<Real> a) {
  auto outcome = diagonalise(std::move(a));
  const auto* failure = std::get_if<EigenFailure>(&outcome);
  EXPECT_EQ(failure, nullptr) << "info " << (failure != nullptr ? failure->info : 0);
  return std::get<EigenSystem<Real>>(std::move(outcome));
}

/// ||A V - V diag(values)||_1.
double eigen_residual(const Matrix<double>& a, const Matrix<double>& v,
                      const std::vector<double>& values) {
  auto scaled = v.clone();
  for (std::int64_t j = 0; j < v.cols(); ++j) {
    for (std::int64_t i = 0; i < v.rows(); ++i) {
      scaled(i, j) *= values[static_cast<std::size_t>(j)];
    }
  }
  return distance_1(product(a, v), scaled);
}

Matrix<double> identity(std::int64_t n) {
  return dense<double>(n, n, [](std::int64_t i, std::int64_t j) { return i == j ? 1.0 : 0.0; });
}

template <class Real>
class DiagonaliseTest : public testing::Test {};
TYPED_TEST_SUITE(DiagonaliseTest, Precisions);

TYPED_TEST(DiagonaliseTest, ResidualAndOrthogonality) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto a = dense<Real>(n, n, RandomSymmetric{});
    const double bound = eigen_bound<Real>(n, norm_1(a));
    const double orthogonality_bound = eigen_bound<Real>(n, 1.0);

    const auto system = eigensystem_of(distribute_lower<Real>(grid, n, block, RandomSymmetric{}));

    auto v = replicate(system.vectors);
    EXPECT_LE(eigen_residual(a, v, system.values), bound);
    EXPECT_LE(distance_1(product(transpose(v), v), identity(n)), orthogonality_bound);
    EXPECT_TRUE(std::is_sorted(system.values.begin(), system.values.end()));

    auto wrong_values = system.values;
    wrong_values[static_cast<std::size_t>(n / 2)] += 0.1 * norm_1(a);
    EXPECT_GT(eigen_residual(a, v, wrong_values), bound) << "a wrong eigenvalue passes";
    v(n - 1, 0) += 0.1;
    EXPECT_GT(distance_1(product(transpose(v), v), identity(n)), orthogonality_bound)
        << "a wrong eigenvector passes";
  });
}

TYPED_TEST(DiagonaliseTest, ValuesAreSameBitsOnAllRanks) {
  using Real = TypeParam;
  const auto world = Communicator::world();
  for_each_layout([&](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto system = eigensystem_of(distribute_lower<Real>(grid, n, block, RandomSymmetric{}));

    auto largest = system.values;
    world.max(std::span(largest));
    EXPECT_EQ(largest, system.values);
  });
}

TYPED_TEST(DiagonaliseTest, SpectrumOfSecondDifference) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto system = eigensystem_of(distribute_lower<Real>(grid, n, block, SecondDifference{}));

    EXPECT_EQ(static_cast<std::int64_t>(system.values.size()), n);
    for (std::int64_t k = 0; k < n; ++k) {
      const double angle =
          std::numbers::pi * static_cast<double>(k + 1) / static_cast<double>(n + 1);
      EXPECT_NEAR(system.values[static_cast<std::size_t>(k)], 2.0 - 2.0 * std::cos(angle),
                  eigen_bound<Real>(n, 4.0));
    }
  });
}

TYPED_TEST(DiagonaliseTest, MultipleEigenvalues) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto ones = [](std::int64_t, std::int64_t) { return 1.0; };
    const auto order = static_cast<double>(n);

    const auto system = eigensystem_of(distribute_lower<Real>(grid, n, block, ones));

    const auto v = replicate(system.vectors);
    EXPECT_NEAR(system.values.back(), order, eigen_bound<Real>(n, order));
    EXPECT_NEAR(n > 1 ? system.values.front() : 0.0, 0.0, eigen_bound<Real>(n, order));
    EXPECT_LE(distance_1(product(transpose(v), v), identity(n)), eigen_bound<Real>(n, 1.0));
  });
}

TYPED_TEST(DiagonaliseTest, ExtremeScales) {
  using Real = TypeParam;
  constexpr std::int64_t kOrder = 23;
  for_each_grid([&](const auto& grid) {
    for (const double scale : {static_cast<double>(std::numeric_limits<Real>::max()) * 1e-3,
                               static_cast<double>(std::numeric_limits<Real>::min()) * 1e3}) {
      const auto scaled = [scale](std::int64_t i, std::int64_t j) {
        return scale * SecondDifference{}(i, j);
      };

      const auto system = eigensystem_of(distribute_lower<Real>(grid, kOrder, 3, scaled));

      const double smallest = 2.0 - 2.0 * std::cos(std::numbers::pi / (kOrder + 1.0));
      EXPECT_NEAR(system.values.front() / scale, smallest, eigen_bound<Real>(kOrder, 4.0));
      EXPECT_NEAR(system.values.back() / scale, 4.0 - smallest, eigen_bound<Real>(kOrder, 4.0));
    }
  });
}

TYPED_TEST(DiagonaliseTest, RefusesWhatIsNotFinite) {
  using Real = TypeParam;
  constexpr std::int64_t kOrder = 7;
  for_each_grid([&](const auto& grid) {
    for (std::int64_t row = 0; row < kOrder; ++row) {
      for (std::int64_t col = 0; col < kOrder; ++col) {
        for (const double value :
             {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
          const auto outcome = diagonalise(
              distribute<Real>(grid, kOrder, kOrder, 2, [&](std::int64_t i, std::int64_t j) {
                return i == row && j == col ? value : KacMurdockSzego{}(i, j);
              }));

          const auto* failure = std::get_if<EigenFailure>(&outcome);
          const std::int64_t found = failure != nullptr ? failure->not_finite_row : -1;
          EXPECT_EQ(found, row < col ? -1 : row) << value << " at " << row << ' ' << col;
          EXPECT_TRUE(same_on_all_ranks(static_cast<double>(found)));
        }
      }
    }
  });
}

TYPED_TEST(DiagonaliseTest, EmptyMatrix) {
  using Real = TypeParam;
  for_each_grid([](const auto& grid) {
    const auto system = eigensystem_of(DistMatrix<Real>(grid, 0, 0, 4));

    EXPECT_TRUE(system.values.empty());
    EXPECT_EQ(system.vectors.rows(), 0);
  });
}

}  // namespace
}  // namespace ntkflow::test
