#include <cmath>
#include <limits>
#include <utility>
#include <variant>

#include <gtest/gtest.h>
#include <support/tolerance.hpp>

#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/local.hpp>
#include <ntkflow/linalg/thin_products.hpp>

#include "matrices.hpp"
#include "triangular_solve.hpp"
#include "untouched_memory.hpp"

namespace ntkflow::test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double wave(std::int64_t i, std::int64_t j) {
  return std::sin(static_cast<double>(1 + i + 3 * j));
}

/// Well conditioned whatever its order.
double lower_element(std::int64_t i, std::int64_t j) {
  return i == j ? 2.0 : std::cos(static_cast<double>(3 * i + j)) / static_cast<double>(1 + i);
}

/// Lower triangle of lower_element, NaN above it.
template <class Real>
DistMatrix<Real> distribute_factor(const std::shared_ptr<const ProcessGrid>& grid, std::int64_t n,
                                   std::int64_t block) {
  return distribute<Real>(grid, n, n, block, [](std::int64_t i, std::int64_t j) {
    return i >= j ? lower_element(i, j) : kNan;
  });
}

template <class Real>
Matrix<Real> in_precision(const Matrix<double>& a) {
  Matrix<Real> rounded(a.rows(), a.cols());
  std::transform(a.data(), a.data() + a.size(), rounded.data(),
                 [](double value) { return static_cast<Real>(value); });
  return rounded;
}

/// The rows of `x` in diagonal blocks of their owners, from all ranks.
template <class Real>
Matrix<double> gather_owned(const DistMatrix<Real>& l, const Matrix<Real>& x) {
  Matrix<double> whole(x.rows(), x.cols());
  for (std::int64_t i = 0; i < x.rows(); ++i) {
    for (std::int64_t j = 0; j < x.cols(); ++j) {
      const bool is_mine = l.row_map().is_mine({i}) && l.col_map().is_mine({i});
      whole(i, j) = is_mine ? static_cast<double>(x(i, j)) : 0.0;
    }
  }
  l.grid()->comm().sum(std::span(whole.data(), static_cast<std::size_t>(whole.size())));
  return whole;
}

template <class Real>
class TriangularSolveTest : public testing::Test {};
TYPED_TEST_SUITE(TriangularSolveTest, Precisions);

TYPED_TEST(TriangularSolveTest, SubstitutesForwardAndBackward) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto factor = distribute_factor<Real>(grid, n, block);
    const auto l = lower_triangle(dense<Real>(n, n, lower_element));
    for (const std::int64_t columns : {1, 3, 17}) {
      const auto b = dense<Real>(n, columns, wave);
      auto forward = in_precision<Real>(b);
      auto backward = in_precision<Real>(b);

      forward_substitute(factor, forward);
      backward_substitute(factor, backward);

      auto y = gather_owned(factor, forward);
      auto z = gather_owned(factor, backward);
      const double bound = solve_bound<Real>(n, norm_1(l), norm_1(y));
      const double transposed_bound = solve_bound<Real>(n, norm_1(transpose(l)), norm_1(z));
      EXPECT_LE(distance_1(product(l, y), b), bound);
      EXPECT_LE(distance_1(product(transpose(l), z), b), transposed_bound);
      y(n / 2, columns - 1) += 0.01 * norm_1(y);
      z(n / 2, columns - 1) += 0.01 * norm_1(z);
      EXPECT_GT(distance_1(product(l, y), b), bound) << "a wrong solution passes";
      EXPECT_GT(distance_1(product(transpose(l), z), b), transposed_bound)
          << "a wrong solution passes";
    }
  });
}

TYPED_TEST(TriangularSolveTest, SolvesFromLowerTriangleAlone) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const auto factor = distribute_factor<Real>(grid, n, block);
    const auto l = lower_triangle(dense<Real>(n, n, lower_element));
    const auto a = product(l, transpose(l));
    for (const std::int64_t columns : {0, 1, 3, 17, 65}) {
      const auto b = dense<double>(n, columns, wave);

      auto x = solve_factored(factor, b);

      ASSERT_EQ(x.cols(), columns);
      const double bound = solve_bound<Real>(n, norm_1(a), norm_1(x));
      EXPECT_LE(distance_1(product(a, x), b), bound);
      if (columns > 0) {
        EXPECT_TRUE(same_on_all_ranks(x(n - 1, columns - 1)));
        x(n / 2, columns - 1) += 0.01 * norm_1(x);
        EXPECT_GT(distance_1(product(a, x), b), bound) << "a wrong solution passes";
      }
    }
  });
}

TYPED_TEST(TriangularSolveTest, SolvesTinyAndHugeColumns) {
  using Real = TypeParam;
  constexpr std::int64_t kOrder = 37;
  for_each_grid([](const auto& grid) {
    const auto factor = distribute_factor<Real>(grid, kOrder, 5);
    const std::vector<double> scales = {1.0, 1e-60, 1e60, 1e-310, 1e300, 0.0};
    Matrix<double> b(kOrder, std::ssize(scales));
    Matrix<double> plain(kOrder, std::ssize(scales));
    for (std::int64_t j = 0; j < b.cols(); ++j) {
      for (std::int64_t i = 0; i < kOrder; ++i) {
        plain(i, j) = wave(i, 0);
        b(i, j) = wave(i, 0) * scales[static_cast<std::size_t>(j)];
      }
    }

    const auto x = solve_factored(factor, b);

    const auto l = lower_triangle(dense<Real>(kOrder, kOrder, lower_element));
    const auto a = product(l, transpose(l));
    for (std::int64_t j = 0; j < b.cols(); ++j) {
      Matrix<double> unscaled(kOrder, 1);
      Matrix<double> right_side(kOrder, 1);
      const double scale = scales[static_cast<std::size_t>(j)];
      for (std::int64_t i = 0; i < kOrder; ++i) {
        EXPECT_EQ(scale == 0.0, x(i, j) == 0.0);
        unscaled(i, 0) = scale == 0.0 ? 0.0 : x(i, j) / scale;
        right_side(i, 0) = scale == 0.0 ? 0.0 : plain(i, j);
      }
      EXPECT_LE(distance_1(product(a, unscaled), right_side),
                solve_bound<Real>(kOrder, norm_1(a), norm_1(unscaled)))
          << "scale " << scale;
    }
  });
}

TYPED_TEST(TriangularSolveTest, KeepsNotANumberInItsColumn) {
  using Real = TypeParam;
  for_each_grid([](const auto& grid) {
    const auto factor = distribute_factor<Real>(grid, 13, 4);
    auto b = dense<double>(13, 2, wave);
    b(5, 0) = kNan;

    const auto x = solve_factored(factor, b);

    EXPECT_TRUE(std::isnan(x(0, 0)));
    for (std::int64_t i = 0; i < 13; ++i) {
      EXPECT_TRUE(std::isfinite(x(i, 1)));
    }
  });
}

TYPED_TEST(TriangularSolveTest, EmptyMatrix) {
  using Real = TypeParam;
  for_each_grid([](const auto& grid) {
    const auto x = solve_factored(DistMatrix<Real>(grid, 0, 0, 4), Matrix<double>(0, 3));

    EXPECT_EQ(x.rows(), 0);
    EXPECT_EQ(x.cols(), 3);
  });
}

TYPED_TEST(TriangularSolveTest, InverseOperatorSolves) {
  using Real = TypeParam;
  for_each_grid([](const auto& grid) {
    const CholeskyFactor<Real> factor(distribute_factor<Real>(grid, 17, 4), 1.0);
    const auto b = dense<double>(17, 3, wave);

    const CholeskyInverse<Real> inverse(factor);

    EXPECT_EQ(inverse.size(), 17);
    EXPECT_EQ(distance_1(inverse.apply(b), factor.solve(b)), 0.0);
  });
}

TYPED_TEST(TriangularSolveTest, ReachesBeyondTwoGibibytes) {
  using Real = TypeParam;
  if (const auto reason = no_place_for_large_matrix(); !reason.empty()) {
    GTEST_SKIP() << reason;
  }
  const SmallPages pages;
  const std::int64_t n = order_beyond_two_gibibytes<Real>();
  DistMatrix<Real> a(ProcessGrid::create(Communicator::world(), {1, 1}), n, n, 256);
  // The identity, but for one element at the end of a late column.
  const std::int64_t late = n - 100;
  const auto local = a.local();
  for (std::int64_t i = 0; i < n; ++i) {
    local(i, i) = Real{1};
  }
  local(n - 1, late) = Real{3};
  ASSERT_GT((n - 1 + late * n) * static_cast<std::int64_t>(sizeof(Real)), std::int64_t{1} << 31);
  Matrix<double> b(n, 1);
  b(late, 0) = 1.0;
  b(n - 1, 0) = 7.0;

  const auto x = solve_factored(a, b);

  EXPECT_EQ(x(n - 1, 0), 4.0);  // L y = b gives 7 - 3, and L^T leaves it
  EXPECT_EQ(x(late, 0), 1.0 - 3.0 * 4.0);
}

template <class Real>
class ThinProductsTest : public testing::Test {};
TYPED_TEST_SUITE(ThinProductsTest, Precisions);

TYPED_TEST(ThinProductsTest, AddProductsOfAnyShape) {
  using Real = TypeParam;
  for (const std::int64_t m : {0, 1, 3, 64, 517, 1031}) {
    for (const std::int64_t n : {0, 1, 3, 4, 9, 67}) {
      for (const std::int64_t k : {0, 1, 2, 3, 4, 7, 9}) {
        SCOPED_TRACE(testing::Message() << m << " x " << n << " x " << k);
        const auto a = dense<Real>(m, n, wave);
        const auto x = dense<Real>(n, k, RandomSymmetric{});
        const auto z = dense<Real>(m, k, RandomSymmetric{});
        const auto stored = in_precision<Real>(a);
        Matrix<Real> u(m, k);
        Matrix<Real> v(n, k);
        std::fill_n(u.data(), u.size(), Real{1});
        std::fill_n(v.data(), v.size(), Real{1});

        add_product<Real>(std::as_const(stored).view(), in_precision<Real>(x).view(), u.view());
        add_transposed_product<Real>(std::as_const(stored).view(), in_precision<Real>(z).view(),
                                     v.view());

        auto expected_u = product(a, x);
        auto expected_v = product(transpose(a), z);
        for (auto* expected : {&expected_u, &expected_v}) {
          std::transform(expected->data(), expected->data() + expected->size(), expected->data(),
                         [](double value) { return value + 1.0; });
        }
        const double bound =
            product_bound<Real>(n + 1, norm_1(a) + static_cast<double>(m), norm_1(x) + 1.0);
        const double transposed_bound = product_bound<Real>(
            m + 1, norm_1(transpose(a)) + static_cast<double>(n), norm_1(z) + 1.0);
        EXPECT_LE(
            distance_1(dense<double>(m, k, [&](auto i, auto j) { return u(i, j); }), expected_u),
            bound);
        EXPECT_LE(
            distance_1(dense<double>(n, k, [&](auto i, auto j) { return v(i, j); }), expected_v),
            transposed_bound);
      }
    }
  }
}

TYPED_TEST(ThinProductsTest, ThreadsDoNotChangeBits) {
  using Real = TypeParam;
  const auto a = in_precision<Real>(dense<Real>(1031, 67, wave));
  const auto x = in_precision<Real>(dense<Real>(67, 7, RandomSymmetric{}));
  const auto z = in_precision<Real>(dense<Real>(1031, 7, RandomSymmetric{}));
  Matrix<Real> u(1031, 7);
  Matrix<Real> v(67, 7);
  add_product<Real>(a.view(), x.view(), u.view());
  add_transposed_product<Real>(a.view(), z.view(), v.view());
  for (const int threads : {2, 3, 5}) {
    Matrix<Real> shared_u(1031, 7);
    Matrix<Real> shared_v(67, 7);

    set_blas_threads(threads);
    add_product<Real>(a.view(), x.view(), shared_u.view());
    add_transposed_product<Real>(a.view(), z.view(), shared_v.view());
    set_blas_threads(1);

    EXPECT_TRUE(std::equal(u.data(), u.data() + u.size(), shared_u.data())) << threads;
    EXPECT_TRUE(std::equal(v.data(), v.data() + v.size(), shared_v.data())) << threads;
  }
}

}  // namespace
}  // namespace ntkflow::test
