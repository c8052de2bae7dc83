#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include <gtest/gtest.h>
#include <support/tolerance.hpp>

#include <ntkflow/base/matrix.hpp>

#include "blas_abi.hpp"
#include "blas_self_test.hpp"
#include "ntkflow/linalg/local.hpp"

namespace ntkflow::test {
namespace {

constexpr BlasRoutines kRight{
    [](int n, const double* a, const double* b, double* c) {
      blas::gemm('N', 'N', n, n, n, 1.0, a, n, b, n, 0.0, c, n);
    },
    [](int n, const double* a, double* c) { blas::syrk('L', 'N', n, n, 1.0, a, n, 0.0, c, n); },
    [](int n, double* a) { return blas::potrf('L', n, a, n); }};

TEST(BlasSelfTest, PassesHere) {
  EXPECT_EQ(blas_self_test(), "");
}

TEST(BlasSelfTest, AcceptsRightRoutinesOfAnyOrder) {
  for (const int n : {1, 2, 17, 64}) {
    EXPECT_EQ(find_blas_fault(kRight, n), "") << n;
  }
}

TEST(BlasSelfTest, FindsOneWrongElementOfProduct) {
  auto routines = kRight;
  routines.product = [](int n, const double* a, const double* b, double* c) {
    kRight.product(n, a, b, c);
    c[n * n - 1] += 1e-6;
  };
  EXPECT_EQ(find_blas_fault(routines, 50), "its matrix product (dgemm) is wrong");
}

TEST(BlasSelfTest, FindsNotANumberInUpdate) {
  auto routines = kRight;
  routines.rank_k_update = [](int n, const double* a, double* c) {
    kRight.rank_k_update(n, a, c);
    c[n / 2] = std::numeric_limits<double>::quiet_NaN();
  };
  EXPECT_EQ(find_blas_fault(routines, 50), "its rank-k update (dsyrk) is wrong");
}

TEST(BlasSelfTest, FindsFalseNotPositiveDefinite) {
  auto routines = kRight;
  routines.factor = [](int n, double*) { return n / 2; };
  EXPECT_EQ(find_blas_fault(routines, 50),
            "its Cholesky factorisation (dpotrf) rejects a positive definite matrix");
}

TEST(BlasSelfTest, FindsWrongFactor) {
  auto routines = kRight;
  routines.factor = [](int n, double* a) {
    const int info = kRight.factor(n, a);
    a[n - 1] += 1e-6;
    return info;
  };
  EXPECT_EQ(find_blas_fault(routines, 50), "its Cholesky factorisation (dpotrf) is wrong");
}

TEST(BlasThreadsTest, CountIsSetAndDescribed) {
  set_blas_threads(2);
  const std::string two = blas_description();
  set_blas_threads(1);
  const std::string one = blas_description();

  if (one == "BLAS other than OpenBLAS") {
    GTEST_SKIP() << "the thread count of other libraries is not shown";
  }
  EXPECT_EQ(one.substr(0, 9), "OpenBLAS ");
  EXPECT_NE(one.find("1 thread)"), std::string::npos) << one;
  EXPECT_NE(two.find("2 threads)"), std::string::npos) << two;
}

template <class Real>
class LocalProductTest : public testing::Test {};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(LocalProductTest, Precisions);

TYPED_TEST(LocalProductTest, PartOfLargerMatrix) {
  using Real = TypeParam;
  constexpr std::int64_t kRows = 5;
  constexpr std::int64_t kCols = 3;
  constexpr std::int64_t kInner = 4;
  const auto wave = [](std::int64_t i, std::int64_t j) {
    return static_cast<Real>(std::sin(static_cast<double>(1 + 2 * i + 5 * j)));
  };
  for (const auto flip_a : {Transpose::no, Transpose::yes}) {
    for (const auto flip_b : {Transpose::no, Transpose::yes}) {
      const bool a_is_flipped = flip_a == Transpose::yes;
      const bool b_is_flipped = flip_b == Transpose::yes;
      Matrix<Real> whole_a(9, 9);
      Matrix<Real> whole_b(9, 9);
      for (std::int64_t j = 0; j < 9; ++j) {
        for (std::int64_t i = 0; i < 9; ++i) {
          whole_a(i, j) = wave(i, j);
          whole_b(i, j) = wave(j, 2 * i);
        }
      }
      const auto a = std::as_const(whole_a).view().block(1, 2, a_is_flipped ? kInner : kRows,
                                                         a_is_flipped ? kRows : kInner);
      const auto b = std::as_const(whole_b).view().block(2, 1, b_is_flipped ? kCols : kInner,
                                                         b_is_flipped ? kInner : kCols);
      Matrix<Real> whole_c(8, 8);
      const auto c = whole_c.view().block(1, 1, kRows, kCols);
      c(0, 0) = Real{7};

      multiply(flip_a, flip_b, Real{2}, a, b, Real{3}, c);

      for (std::int64_t j = 0; j < kCols; ++j) {
        for (std::int64_t i = 0; i < kRows; ++i) {
          double expected = i == 0 && j == 0 ? 21.0 : 0.0;
          for (std::int64_t l = 0; l < kInner; ++l) {
            expected += 2.0 * static_cast<double>(a_is_flipped ? a(l, i) : a(i, l)) *
                        static_cast<double>(b_is_flipped ? b(j, l) : b(l, j));
          }
          EXPECT_NEAR(static_cast<double>(c(i, j)), expected, product_bound<Real>(kInner, 4.0, 4.0))
              << i << ' ' << j;
        }
      }
      EXPECT_EQ(whole_c(0, 0), Real{0});
      EXPECT_EQ(whole_c(6, 1), Real{0});
    }
  }
}

TEST(LocalProductDeathTest, ShapesMustMatch) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const Matrix<double> a(2, 3);
  Matrix<double> c(2, 2);
  EXPECT_DEATH(multiply(Transpose::no, Transpose::no, 1.0, a.view(), a.view(), 0.0, c.view()),
               "b.cols");
}

TEST(LocalProductTest, EmptyInnerDimensionScalesResult) {
  const Matrix<double> a(2, 0);
  const Matrix<double> b(0, 2);
  Matrix<double> c(2, 2);
  c(1, 1) = 4.0;

  multiply(Transpose::no, Transpose::no, 1.0, a.view(), b.view(), 0.5, c.view());

  EXPECT_EQ(c(1, 1), 2.0);
}

}  // namespace
}  // namespace ntkflow::test
