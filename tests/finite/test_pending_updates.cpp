#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

#include <ntkflow/base/matrix.hpp>

#include "pending_updates.hpp"
#include "reference_network.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr std::int64_t kRows = 1037;
constexpr std::int64_t kCols = 1024;

/// Y += factor op(A) X, by plain loops.
void reference_add(Matrix<double>& y, double factor, Transpose transpose, const Matrix<double>& a,
                   const Matrix<double>& x) {
  for (std::int64_t c = 0; c < x.cols(); ++c) {
    for (std::int64_t j = 0; j < a.cols(); ++j) {
      for (std::int64_t i = 0; i < a.rows(); ++i) {
        if (transpose == Transpose::no) {
          y(i, c) += factor * a(i, j) * x(j, c);
        } else {
          y(j, c) += factor * a(i, j) * x(i, c);
        }
      }
    }
  }
}

/// Y += factor left right^T X.
void reference_add(Matrix<double>& y, double factor, const Matrix<double>& left,
                   const Matrix<double>& right, const Matrix<double>& x) {
  Matrix<double> inner(right.cols(), x.cols());
  reference_add(inner, 1.0, Transpose::yes, right, x);
  reference_add(y, factor, Transpose::no, left, inner);
}

Matrix<double> product(Transpose transpose, const Matrix<double>& w,
                       const PendingUpdates<double>* pending, const Matrix<double>& x) {
  Matrix<double> y(transpose == Transpose::no ? w.rows() : w.cols(), x.cols());
  multiply_weights<double>(transpose, w.view(), pending, x.view(), y.view());
  return y;
}

TEST(PendingUpdatesTest, MultiplyAsTheSumOfAllUpdates) {
  constexpr double kFactor = 0.25;
  constexpr double kBound = 1e-13;  // sums of 1,000 terms of both signs
  for (const std::int64_t update_columns : {8, 30, 40}) {
    for (const std::int64_t columns : {3, 17}) {  // which take different ways
      PendingUpdates<double> pending(kRows, kCols, update_columns);
      Matrix<double> w = normal_matrix<double>(kRows, kCols, 0);
      const auto x = normal_matrix<double>(kCols, columns, 100);
      const auto z = normal_matrix<double>(kRows, columns, 101);
      Matrix<double> expected(kRows, columns);
      Matrix<double> expected_back(kCols, columns);
      reference_add(expected, 1.0, Transpose::no, w, x);
      reference_add(expected_back, 1.0, Transpose::yes, w, z);
      for (std::uint64_t step = 1; step <= 9; ++step) {
        const auto left = normal_matrix<double>(kRows, update_columns, 2 * step);
        const auto right = normal_matrix<double>(kCols, update_columns, 2 * step + 1);
        pending.add(kFactor, left.view(), right.view(), w.view());
        reference_add(expected, kFactor, left, right, x);
        reference_add(expected_back, kFactor, right, left, z);
        EXPECT_LE(pending.u().cols, kDelayedColumns);
      }

      EXPECT_LE(relative_error(product(Transpose::no, w, &pending, x), expected), kBound);
      EXPECT_LE(relative_error(product(Transpose::yes, w, &pending, z), expected_back), kBound);
      // What waits is not in W yet.
      const bool waits = pending.u().cols > 0;
      EXPECT_EQ(waits, update_columns <= 30);
      EXPECT_EQ(relative_error(product(Transpose::no, w, nullptr, x), expected) > 1e-3, waits);

      pending.fold_into(w.view());

      EXPECT_EQ(pending.u().cols, 0);
      EXPECT_LE(relative_error(product(Transpose::no, w, nullptr, x), expected), kBound);
      EXPECT_LE(relative_error(product(Transpose::yes, w, nullptr, z), expected_back), kBound);
    }
  }
}

TEST(PendingUpdatesTest, TakeNoMemoryWhereTheyDoNotPay) {
  EXPECT_EQ(PendingUpdates<float>::capacity(10'000, 10'000, 8), kDelayedColumns);
  EXPECT_EQ(PendingUpdates<float>::capacity(10'000, 10'000, 33), 0);
  EXPECT_EQ(PendingUpdates<float>::capacity(10'000, 1000, 8), 0);
  EXPECT_EQ(PendingUpdates<float>::capacity(10'000, 3, 8), 0);
  EXPECT_EQ(PendingUpdates<float>::capacity(1, 10'000, 8), 0);
}

}  // namespace
}  // namespace ntkflow::test
