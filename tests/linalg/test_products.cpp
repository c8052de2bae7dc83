#include <array>
#include <cmath>
#include <utility>

#include <gtest/gtest.h>
#include <support/tolerance.hpp>

#include <ntkflow/dist/redistribute.hpp>

#include "matrices.hpp"
#include "ntkflow/linalg/products.hpp"

namespace ntkflow::test {
namespace {

double wave(std::int64_t i, std::int64_t j) {
  return std::sin(static_cast<double>(1 + 2 * i + 5 * j));
}

template <class Real>
class DistributedProductTest : public testing::Test {};
TYPED_TEST_SUITE(DistributedProductTest, Precisions);

TYPED_TEST(DistributedProductTest, AllTranspositionsAndShapes) {
  using Real = TypeParam;
  constexpr std::array<std::array<std::int64_t, 3>, 5> kShapes = {
      {{1, 1, 1}, {5, 3, 7}, {17, 9, 13}, {4, 4, 4}, {3, 5, 0}}};
  for_each_grid([&](const auto& grid) {
    for (const auto& [m, n, k] : kShapes) {
      for (const auto flip_a : {Transpose::no, Transpose::yes}) {
        for (const auto flip_b : {Transpose::no, Transpose::yes}) {
          const bool a_is_flipped = flip_a == Transpose::yes;
          const bool b_is_flipped = flip_b == Transpose::yes;
          const std::int64_t block = 4;
          const auto a =
              distribute<Real>(grid, a_is_flipped ? k : m, a_is_flipped ? m : k, block, wave);
          const auto b =
              distribute<Real>(grid, b_is_flipped ? n : k, b_is_flipped ? k : n, block, wave);
          auto c = distribute<Real>(grid, m, n, block, wave);

          multiply(flip_a, flip_b, Real{2}, a, b, Real{-1}, c);

          const auto dense_a = dense<Real>(a.rows(), a.cols(), wave);
          const auto dense_b = dense<Real>(b.rows(), b.cols(), wave);
          auto expected = product(a_is_flipped ? transpose(dense_a) : dense_a.clone(),
                                  b_is_flipped ? transpose(dense_b) : dense_b.clone());
          for (std::int64_t j = 0; j < n; ++j) {
            for (std::int64_t i = 0; i < m; ++i) {
              expected(i, j) = 2.0 * expected(i, j) - static_cast<double>(Real(wave(i, j)));
            }
          }
          const auto size = static_cast<double>(m + n + k);
          const double bound = product_bound<Real>(k + 1, size, size);
          EXPECT_LE(distance_1(replicate(c), expected), bound)
              << m << ' ' << n << ' ' << k << ' ' << a_is_flipped << b_is_flipped;
          expected(m - 1, n - 1) += 0.1;
          EXPECT_GT(distance_1(replicate(c), expected), bound) << "a wrong product passes";
        }
      }
    }
  });
}

TYPED_TEST(DistributedProductTest, SymmetricNormReadsLowerTriangle) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    const double expected = norm_1(dense<Real>(n, n, RandomSymmetric{}));

    const double norm = symmetric_norm(distribute_lower<Real>(grid, n, block, RandomSymmetric{}));

    EXPECT_NEAR(norm, expected, ulp_bound<Real>(static_cast<double>(n), expected));
    EXPECT_TRUE(same_on_all_ranks(norm));
  });
}

TYPED_TEST(DistributedProductTest, SymmetricNormOfNotANumberIsOne) {
  using Real = TypeParam;
  for_each_layout([](const auto& grid, std::int64_t n, std::int64_t block) {
    for (const auto& [row, col] : {std::pair{n - 1, n / 2}, std::pair{n / 2, n / 2}}) {
      const auto spoilt = [row = row, col = col](std::int64_t i, std::int64_t j) {
        return i == row && j == col ? std::nan("") : RandomSymmetric{}(i, j);
      };
      EXPECT_TRUE(std::isnan(symmetric_norm(distribute_lower<Real>(grid, n, block, spoilt))));
    }
  });
}

}  // namespace
}  // namespace ntkflow::test
