#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <gtest/gtest.h>
#include <support/tolerance.hpp>

#include <ntkflow/base/error.hpp>

#include "matrices.hpp"
#include "ntkflow/linalg/local_eigen.hpp"

namespace ntkflow::test {
namespace {

double residual(const Matrix<double>& a, const LocalEigenSystem& system) {
  auto scaled = system.vectors.clone();
  for (std::int64_t j = 0; j < scaled.cols(); ++j) {
    for (std::int64_t i = 0; i < scaled.rows(); ++i) {
      scaled(i, j) *= system.values[static_cast<std::size_t>(j)];
    }
  }
  return distance_1(product(a, system.vectors), scaled);
}

TEST(DiagonaliseLocalTest, FindsTheSpectrumOfTheSecondDifference) {
  for (const std::int64_t n : {1, 2, 17, 64}) {
    const auto a = dense<double>(n, n, SecondDifference{});
    const double bound = eigen_bound<double>(n, norm_1(a));

    auto system = diagonalise_local(lower_triangle(a.clone()).view());

    EXPECT_LE(residual(a, system), bound);
    for (std::int64_t k = 0; k < n; ++k) {
      const double angle =
          static_cast<double>(k + 1) * std::numbers::pi / static_cast<double>(n + 1);
      EXPECT_NEAR(system.values[static_cast<std::size_t>(k)], 2.0 - 2.0 * std::cos(angle), bound);
    }
    system.values.front() += 0.1;
    EXPECT_GT(residual(a, system), bound) << "a wrong eigenvalue passes";
  }
}

TEST(DiagonaliseLocalTest, TakesAnEmptyMatrix) {
  EXPECT_TRUE(diagonalise_local({}).values.empty());
}

}  // namespace
}  // namespace ntkflow::test
