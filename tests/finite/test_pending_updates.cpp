#include <cmath>
#include <cstdint>

#include <gtest/gtest.h>

#include <ntkflow/base/matrix.hpp>

#include "pending_updates.hpp"
#include "reference_network.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr std::int64_t kRows = 530;
constexpr std::int64_t kCols = 517;

/// W += factor left right^T, by plain loops.
void reference_add(Matrix<double>& w, double factor, const Matrix<double>& left,
                   const Matrix<double>& right) {
  for (std::int64_t k = 0; k < left.cols(); ++k) {
    for (std::int64_t j = 0; j < w.cols(); ++j) {
      for (std::int64_t i = 0; i < w.rows(); ++i) {
        w(i, j) += factor * left(i, k) * right(j, k);
      }
    }
  }
}

/// op(W) X, by plain loops.
Matrix<double> reference_product(Transpose transpose, const Matrix<double>& w,
                                 const Matrix<double>& x) {
  const bool is_plain = transpose == Transpose::no;
  Matrix<double> y(is_plain ? w.rows() : w.cols(), x.cols());
  for (std::int64_t c = 0; c < x.cols(); ++c) {
    for (std::int64_t j = 0; j < w.cols(); ++j) {
      for (std::int64_t i = 0; i < w.rows(); ++i) {
        if (is_plain) {
          y(i, c) += w(i, j) * x(j, c);
        } else {
          y(j, c) += w(i, j) * x(i, c);
        }
      }
    }
  }
  return y;
}

TEST(PendingUpdatesTest, MultiplyAsTheSumOfAllUpdates) {
  constexpr double kBound = 1e-13;  // 500 terms of both signs
  for (const std::int64_t update_columns : {1, 8, 30, 40}) {
    PendingUpdates<double> pending(kRows, kCols, update_columns);
    Matrix<double> w = normal_matrix<double>(kRows, kCols, 0);
    Matrix<double> expected = w.clone();
    for (std::uint64_t step = 1; step <= 9; ++step) {
      const auto left = normal_matrix<double>(kRows, update_columns, 2 * step);
      const auto right = normal_matrix<double>(kCols, update_columns, 2 * step + 1);
      pending.add(0.25, left.view(), right.view(), w.view());
      reference_add(expected, 0.25, left, right);
      EXPECT_LE(pending.u().cols, kDelayedColumns);
    }
    // By few columns and by many, which take different ways.
    for (const std::int64_t columns : {3, 20}) {
      const auto x = normal_matrix<double>(kCols, columns, 100);
      Matrix<double> y(kRows, columns);
      multiply_weights<double>(Transpose::no, w.view(), &pending, x.view(), y.view());
      EXPECT_LE(relative_error(y, reference_product(Transpose::no, expected, x)), kBound);
      const auto z = normal_matrix<double>(kRows, columns, 101);
      Matrix<double> back(kCols, columns);
      multiply_weights<double>(Transpose::yes, w.view(), &pending, z.view(), back.view());
      EXPECT_LE(relative_error(back, reference_product(Transpose::yes, expected, z)), kBound);
    }
    const bool waits = pending.u().cols > 0;
    EXPECT_EQ(waits, update_columns <= 30);
    EXPECT_EQ(relative_error(w, expected) > 1e-3, waits);  // what waits is not in W yet

    pending.fold_into(w.view());

    EXPECT_EQ(pending.u().cols, 0);
    EXPECT_LE(relative_error(w, expected), kBound);
  }
}

TEST(PendingUpdatesTest, TakeNoMemoryWhereTheyDoNotPay) {
  EXPECT_EQ(PendingUpdates<float>::capacity(10'000, 10'000, 8), kDelayedColumns);
  EXPECT_EQ(PendingUpdates<float>::capacity(10'000, 10'000, 33), 0);
  EXPECT_EQ(PendingUpdates<float>::capacity(10'000, 3, 8), 0);
  EXPECT_EQ(PendingUpdates<float>::capacity(1, 10'000, 8), 0);
}

}  // namespace
}  // namespace ntkflow::test
