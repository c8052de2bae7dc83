#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include <ntkflow/linalg/linear_operator.hpp>

#include "matrices.hpp"

// Operators for algorithms that know a matrix by its products.
namespace ntkflow::test {

/// A dense matrix that every rank holds and multiplies whole.
struct DenseOperator : LinearOperator {
  explicit DenseOperator(Matrix<double> matrix) : a(std::move(matrix)) {}
  [[nodiscard]] std::int64_t size() const override { return a.rows(); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    widest = std::max(widest, x.cols());
    return product(a, x);
  }
  Matrix<double> a;
  mutable std::int64_t widest = 0;  ///< columns that it was applied to at once
};

/// Gives one value that is not finite in the last row, from a certain application on.
struct FailingOperator : DenseOperator {
  FailingOperator(Matrix<double> matrix, int good)
      : DenseOperator(std::move(matrix)), applications_left(good) {}
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    auto result = product(a, x);
    if (applications_left-- <= 0) {
      result(result.rows() - 1, result.cols() - 1) = std::numeric_limits<double>::quiet_NaN();
    }
    return result;
  }
  mutable int applications_left;
};

}  // namespace ntkflow::test
