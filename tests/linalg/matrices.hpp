#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <vector>

#include <gtest/gtest.h>
#include <support/mpi_test.hpp>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/dist_matrix.hpp>

// Matrices given by element functions f(i, j), layouts that hurt, and plain dense algebra in double
// as the oracle.
namespace ntkflow::test {

using Precisions = testing::Types<float, double>;

struct Order {
  std::int64_t n;
  std::int64_t block;
};

/// Smaller than the grid, than a block, than the grid times a block; a block more or less; primes.
inline const std::vector<Order> kOrders = {{1, 1},  {1, 4},  {2, 1},  {3, 4},   {4, 4},   {5, 4},
                                           {17, 4}, {37, 1}, {37, 5}, {13, 64}, {64, 16}, {101, 8}};

/// Calls check(grid, n, block) for every grid of all ranks and every order.
template <class Check>
void for_each_layout(Check&& check) {
  const auto world = Communicator::world();
  for (const GridShape shape : all_grids(world.size())) {
    const auto grid = ProcessGrid::create(world, shape);
    for (const auto [n, block] : kOrders) {
      std::ostringstream layout;
      layout << shape.rows << " x " << shape.cols << " processes, n = " << n
             << ", block = " << block;
      SCOPED_TRACE(layout.str());
      check(grid, n, block);
    }
  }
}

/// Calls check(grid) for every grid of all ranks.
template <class Check>
void for_each_grid(Check&& check) {
  const auto world = Communicator::world();
  for (const GridShape shape : all_grids(world.size())) {
    SCOPED_TRACE(testing::Message() << shape.rows << " x " << shape.cols << " processes");
    check(ProcessGrid::create(world, shape));
  }
}

template <class Real, class Element>
DistMatrix<Real> distribute(const std::shared_ptr<const ProcessGrid>& grid, std::int64_t rows,
                            std::int64_t cols, std::int64_t block, Element&& f) {
  DistMatrix<Real> a(grid, rows, cols, block);
  a.fill([&](std::int64_t i, std::int64_t j) { return static_cast<Real>(f(i, j)); });
  return a;
}

/// The value in strict upper triangles, which must be neither read nor written.
inline constexpr double kSentinel = -777.0;

/// A symmetric matrix with sentinels in the strict upper triangle.
template <class Real, class Element>
DistMatrix<Real> distribute_lower(const std::shared_ptr<const ProcessGrid>& grid, std::int64_t n,
                                  std::int64_t block, Element&& f) {
  return distribute<Real>(grid, n, n, block, [&](std::int64_t i, std::int64_t j) {
    return i >= j ? static_cast<double>(f(i, j)) : kSentinel;
  });
}

/// The matrix of f as `Real` rounds it, in double.
template <class Real, class Element>
Matrix<double> dense(std::int64_t rows, std::int64_t cols, Element&& f) {
  Matrix<double> a(rows, cols);
  for (std::int64_t j = 0; j < cols; ++j) {
    for (std::int64_t i = 0; i < rows; ++i) {
      a(i, j) = static_cast<double>(static_cast<Real>(f(i, j)));
    }
  }
  return a;
}

inline Matrix<double> product(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> c(a.rows(), b.cols());
  for (std::int64_t j = 0; j < c.cols(); ++j) {
    double* to = c.column(j);
    for (std::int64_t l = 0; l < a.cols(); ++l) {
      const double* from = a.column(l);
      const double factor = b.column(j)[l];
      for (std::int64_t i = 0; i < c.rows(); ++i) {
        to[i] += from[i] * factor;
      }
    }
  }
  return c;
}

inline Matrix<double> transpose(const Matrix<double>& a) {
  Matrix<double> t(a.cols(), a.rows());
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    for (std::int64_t j = 0; j < a.cols(); ++j) {
      t(j, i) = a(i, j);
    }
  }
  return t;
}

inline Matrix<double> lower_triangle(Matrix<double> a) {
  for (std::int64_t j = 0; j < a.cols(); ++j) {
    for (std::int64_t i = 0; i < std::min(j, a.rows()); ++i) {
      a(i, j) = 0.0;
    }
  }
  return a;
}

/// ||A||_1, the largest sum of magnitudes of a column; infinity when it holds a NaN.
inline double norm_1(const Matrix<double>& a) {
  double largest = 0.0;
  for (std::int64_t j = 0; j < a.cols(); ++j) {
    double sum = 0.0;
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      sum += std::abs(a(i, j));
    }
    largest = std::isnan(sum) ? INFINITY : std::max(largest, sum);
  }
  return largest;
}

/// ||A - B||_1.
inline double distance_1(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> difference(a.rows(), a.cols());
  for (std::int64_t j = 0; j < a.cols(); ++j) {
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      difference(i, j) = a(i, j) - b(i, j);
    }
  }
  return norm_1(difference);
}

/// Whether all ranks hold the same bits. Collective over MPI_COMM_WORLD.
inline bool same_on_all_ranks(double value) {
  const auto world = Communicator::world();
  return world.agree(world.min(value) == value && world.max(value) == value).ok;
}

/// Symmetric, uniform in (-1, 1), with `shift` added to the diagonal.
struct RandomSymmetric {
  double shift = 0.0;
  double operator()(std::int64_t i, std::int64_t j) const {
    const RandomStream stream(2024, 1);
    const auto high = static_cast<std::uint64_t>(std::max(i, j));
    const auto low = static_cast<std::uint64_t>(std::min(i, j));
    return 2.0 * stream.uniform(high, low) - 1.0 + (i == j ? shift : 0.0);
  }
};

/// Kac-Murdock-Szego: correlation^|i - j|. Determinant (1 - correlation^2)^(n - 1); the largest
/// eigenvalue over the smallest is below ((1 + correlation) / (1 - correlation))^2.
struct KacMurdockSzego {
  double correlation = 0.5;
  double operator()(std::int64_t i, std::int64_t j) const {
    return std::pow(correlation, static_cast<double>(std::abs(i - j)));
  }
};

/// The second difference: 2 on the diagonal, -1 beside it. Eigenvalues 2 - 2 cos(k pi / (n + 1)),
/// determinant n + 1, pivots (k + 1) / k, inverse min(i, j) (n + 1 - max(i, j)) / (n + 1), 1-based.
struct SecondDifference {
  double operator()(std::int64_t i, std::int64_t j) const {
    return i == j ? 2.0 : std::abs(i - j) == 1 ? -1.0 : 0.0;
  }
  static double inverse(std::int64_t n, std::int64_t i, std::int64_t j) {
    return static_cast<double>((std::min(i, j) + 1) * (n - std::max(i, j))) /
           static_cast<double>(n + 1);
  }
};

}  // namespace ntkflow::test
