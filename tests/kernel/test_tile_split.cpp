#include <algorithm>
#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>

#include "example_activations.hpp"
#include "simd_targets.hpp"

// How a matrix is cut into tiles, laid out and aliased must not show in any bit of the result.
namespace ntkflow {
namespace {

template <class Real>
struct Problem {
  Matrix<Real> products;
  SampleVariances<Real> rows;
  SampleVariances<Real> cols;
};

template <class Real>
Problem<Real> make_problem(const KernelEvaluator<Real>& evaluator, std::int64_t m, std::int64_t n) {
  const RandomStream random(5, 0);
  std::vector<double> row_norms(static_cast<std::size_t>(m));
  std::vector<double> col_norms(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < row_norms.size(); ++i) {
    row_norms[i] = 10.0 * random.uniform(i, 1);
  }
  for (std::size_t j = 0; j < col_norms.size(); ++j) {
    col_norms[j] = 10.0 * random.uniform(j, 2);
  }
  Problem<Real> problem{Matrix<Real>(m, n), evaluator.variances(row_norms),
                        evaluator.variances(col_norms)};
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < m; ++i) {
      problem.products(i, j) = static_cast<Real>((2.0 * random.uniform(i, 10 + j) - 1.0) *
                                                 std::sqrt(row_norms[static_cast<std::size_t>(i)] *
                                                           col_norms[static_cast<std::size_t>(j)]));
    }
  }
  return problem;
}

template <class Real>
bool same_bits(const Matrix<Real>& a, const Matrix<Real>& b) {
  return a.rows() == b.rows() && a.cols() == b.cols() &&
         (a.size() == 0 ||
          std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.size()) * sizeof(Real)) == 0);
}

template <class Real>
class TileSplitTest : public testing::Test {
 protected:
  /// Every activation once at depth 3, and relu at depths 1 and 2 too.
  static std::vector<KernelEvaluator<Real>> evaluators() {
    std::vector<KernelEvaluator<Real>> all;
    std::string previous;
    for (const auto& example : test::example_activations()) {
      if (example.spec.name == previous) {
        continue;
      }
      previous = example.spec.name;
      const auto [weight, bias] = example.networks.front();
      for (const int depth : {1, 2, 3}) {
        if (depth == 3 || previous == "relu") {
          all.emplace_back(Architecture{depth, example.spec, weight, bias, FirstLayer::normalised},
                           10, NormRange{0.0, 10.0});
        }
      }
    }
    return all;
  }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(TileSplitTest, Precisions);

TYPED_TEST(TileSplitTest, AnySplitGivesTheSameBits) {
  using Real = TypeParam;
  const std::int64_t m = 149;
  const std::int64_t n = 11;
  test::for_each_simd_target([&] {
    for (const auto& evaluator : this->evaluators()) {
      auto [products, rows, cols] = make_problem(evaluator, m, n);
      Matrix<Real> nngp(m, n);
      Matrix<Real> ntk(m, n);
      evaluator.evaluate(products.view(), rows, 0, cols, 0, nngp.view(), ntk.view());

      for (const std::int64_t height : {1, 7, 8, 9, 31, 32, 33, 64, 67}) {
        for (const std::int64_t width : {1, 4, 11}) {
          Matrix<Real> nngp_cut(m, n);
          Matrix<Real> ntk_cut(m, n);
          for (std::int64_t i = 0; i < m; i += height) {
            for (std::int64_t j = 0; j < n; j += width) {
              const std::int64_t h = std::min(height, m - i);
              const std::int64_t w = std::min(width, n - j);
              evaluator.evaluate(products.view().block(i, j, h, w), rows, i, cols, j,
                                 nngp_cut.view().block(i, j, h, w),
                                 ntk_cut.view().block(i, j, h, w));
            }
          }
          ASSERT_TRUE(same_bits(nngp, nngp_cut)) << height << " x " << width;
          ASSERT_TRUE(same_bits(ntk, ntk_cut)) << height << " x " << width;
        }
      }
      // The comparison sees a single bit.
      Matrix<Real> twin = ntk.clone();
      twin(m - 1, n - 1) = std::nextafter(twin(m - 1, n - 1), Real(1e9));
      EXPECT_FALSE(same_bits(ntk, twin));
    }
  });
}

TYPED_TEST(TileSplitTest, OneKernelAloneAndInPlaceGiveTheSameBits) {
  using Real = TypeParam;
  const std::int64_t n = 3;
  for (const auto& evaluator : this->evaluators()) {
    for (const std::int64_t m : {0, 1, 7, 8, 9, 43}) {
      auto [products, rows, cols] = make_problem(evaluator, m, n);
      Matrix<Real> nngp(m, n);
      Matrix<Real> ntk(m, n);
      evaluator.evaluate(products.view(), rows, 0, cols, 0, nngp.view(), ntk.view());

      Matrix<Real> nngp_alone(m, n);
      Matrix<Real> ntk_alone(m, n);
      Matrix<Real> nngp_in_place = products.clone();
      Matrix<Real> ntk_in_place = products.clone();
      Matrix<Real> ntk_beside(m, n);
      evaluator.evaluate(products.view(), rows, 0, cols, 0, nngp_alone.view(), {});
      evaluator.evaluate(products.view(), rows, 0, cols, 0, {}, ntk_alone.view());
      evaluator.evaluate(nngp_in_place.view(), rows, 0, cols, 0, nngp_in_place.view(),
                         ntk_beside.view());
      evaluator.evaluate(ntk_in_place.view(), rows, 0, cols, 0, {}, ntk_in_place.view());
      evaluator.evaluate(products.view(), rows, 0, cols, 0, {}, {});

      EXPECT_TRUE(same_bits(nngp, nngp_alone));
      EXPECT_TRUE(same_bits(nngp, nngp_in_place));
      EXPECT_TRUE(same_bits(ntk, ntk_alone));
      EXPECT_TRUE(same_bits(ntk, ntk_beside));
      EXPECT_TRUE(same_bits(ntk, ntk_in_place));
    }
  }
}

TYPED_TEST(TileSplitTest, WritesNothingBetweenColumns) {
  using Real = TypeParam;
  constexpr Real kSentinel = Real(-12345);
  test::for_each_simd_target([&] {
    for (const auto& evaluator : this->evaluators()) {
      for (const std::int64_t m : {1, 7, 8, 9, 31, 37}) {
        const std::int64_t n = 3;
        const std::int64_t ld = m + 5;
        auto [products, rows, cols] = make_problem(evaluator, m, n);
        Matrix<Real> nngp(ld, n);
        Matrix<Real> ntk(ld, n);
        std::fill_n(nngp.data(), nngp.size(), kSentinel);
        std::fill_n(ntk.data(), ntk.size(), kSentinel);

        evaluator.evaluate(products.view(), rows, 0, cols, 0, nngp.view().block(0, 0, m, n),
                           ntk.view().block(0, 0, m, n));

        for (std::int64_t j = 0; j < n; ++j) {
          for (std::int64_t i = 0; i < ld; ++i) {
            EXPECT_EQ(nngp(i, j) == kSentinel, i >= m);
            EXPECT_EQ(ntk(i, j) == kSentinel, i >= m);
          }
        }
      }
    }
  });
}

TYPED_TEST(TileSplitTest, TransposedTilesAreEqual) {
  using Real = TypeParam;
  test::for_each_simd_target([&] {
    for (const auto& evaluator : this->evaluators()) {
      auto [products, rows, cols] = make_problem(evaluator, 19, 13);
      Matrix<Real> transposed(13, 19);
      for (std::int64_t j = 0; j < 13; ++j) {
        for (std::int64_t i = 0; i < 19; ++i) {
          transposed(j, i) = products(i, j);
        }
      }
      evaluator.evaluate(products.view(), rows, 0, cols, 0, {}, products.view());
      evaluator.evaluate(transposed.view(), cols, 0, rows, 0, {}, transposed.view());
      for (std::int64_t j = 0; j < 13; ++j) {
        for (std::int64_t i = 0; i < 19; ++i) {
          ASSERT_EQ(products(i, j), transposed(j, i)) << i << " " << j;
        }
      }
    }
  });
}

}  // namespace
}  // namespace ntkflow
