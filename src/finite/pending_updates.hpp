#pragma once

#include <cstdint>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/linalg/local.hpp>

namespace ntkflow {

/// Columns that updates of a weight matrix may have before they must be added to it.
inline constexpr std::int64_t kDelayedColumns = 64;

/// Updates U V^T of one weight matrix W that wait to be added to it. A step on N samples changes W
/// by a matrix of rank N; where N is small, adding it means to read and write all of W for few
/// operations, while products with W + U V^T are cheap.
template <class Real>
class PendingUpdates {
 public:
  /// For a matrix W [rows x cols] and updates of N columns each. None wait, and no memory is taken,
  /// where that would not pay.
  PendingUpdates(std::int64_t rows, std::int64_t cols, std::int64_t update_columns);

  /// Columns for which such a matrix keeps memory: kDelayedColumns or none. Waiting does not pay
  /// where few updates would fit, nor where W is so small that it stays in cache and the products
  /// with U and V take as long as those with W.
  static std::int64_t capacity(std::int64_t rows, std::int64_t cols, std::int64_t update_columns);

  /// U [rows x columns waiting], V [cols x columns waiting].
  [[nodiscard]] MatrixView<const Real> u() const;
  [[nodiscard]] MatrixView<const Real> v() const;

  /// W + U V^T += factor left right^T, left [rows x N], right [cols x N]: waits in U and V, or is
  /// added to W at once. Local.
  void add(Real factor, MatrixView<const Real> left, MatrixView<const Real> right,
           MatrixView<Real> w);
  /// Adds to W what waits. Local.
  void fold_into(MatrixView<Real> w);

 private:
  Matrix<Real> u_;
  Matrix<Real> v_;
  std::int64_t columns_ = 0;
};

/// Y = op(W + U V^T) X, or with W alone where `pending` is null. Local.
template <class Real>
void multiply_weights(Transpose transpose, MatrixView<const Real> w,
                      const PendingUpdates<Real>* pending, MatrixView<const Real> x,
                      MatrixView<Real> y);

extern template class PendingUpdates<float>;
extern template class PendingUpdates<double>;

}  // namespace ntkflow
