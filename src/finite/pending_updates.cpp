#include "pending_updates.hpp"

#include <algorithm>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/linalg/thin_products.hpp>

namespace ntkflow {
namespace {

/// Columns up to which a product is bound by reading the large matrix, and BLAS, which copies it
/// first, is the slower way.
constexpr std::int64_t kThinColumns = 16;

/// Y = op(A) X.
template <class Real>
void set_product(Transpose transpose, MatrixView<const Real> a, MatrixView<const Real> x,
                 MatrixView<Real> y) {
  if (x.cols > kThinColumns) {
    multiply<Real>(transpose, Transpose::no, Real{1}, a, x, Real{0}, y);
    return;
  }
  for (std::int64_t j = 0; j < y.cols; ++j) {
    std::fill_n(y.column(j), y.rows, Real{0});
  }
  if (transpose == Transpose::yes) {
    add_transposed_product<Real>(a, x, y);
  } else {
    add_product<Real>(a, x, y);
  }
}

}  // namespace

template <class Real>
std::int64_t PendingUpdates<Real>::capacity(std::int64_t rows, std::int64_t cols,
                                            std::int64_t update_columns) {
  constexpr std::int64_t kLeastOrder = 16 * kDelayedColumns;
  const bool pays = 2 * update_columns <= kDelayedColumns && std::min(rows, cols) >= kLeastOrder;
  return pays ? kDelayedColumns : 0;
}

template <class Real>
PendingUpdates<Real>::PendingUpdates(std::int64_t rows, std::int64_t cols,
                                     std::int64_t update_columns)
    : u_(rows, capacity(rows, cols, update_columns)), v_(cols, u_.cols()) {}

template <class Real>
MatrixView<const Real> PendingUpdates<Real>::u() const {
  return u_.view().block(0, 0, u_.rows(), columns_);
}

template <class Real>
MatrixView<const Real> PendingUpdates<Real>::v() const {
  return v_.view().block(0, 0, v_.rows(), columns_);
}

template <class Real>
void PendingUpdates<Real>::add(Real factor, MatrixView<const Real> left,
                               MatrixView<const Real> right, MatrixView<Real> w) {
  NTKFLOW_EXPECTS(left.rows == w.rows && right.rows == w.cols && left.cols == right.cols, left.rows,
                  right.rows, left.cols, right.cols);
  const std::int64_t count = left.cols;
  if (count > u_.cols()) {
    multiply<Real>(Transpose::no, Transpose::yes, factor, left, right, Real{1}, w);
    return;
  }
  if (columns_ + count > u_.cols()) {
    fold_into(w);
  }
  for (std::int64_t j = 0; j < count; ++j) {
    std::transform(left.column(j), left.column(j) + left.rows, u_.column(columns_ + j),
                   [factor](Real value) { return factor * value; });
    std::copy_n(right.column(j), right.rows, v_.column(columns_ + j));
  }
  columns_ += count;
}

template <class Real>
void PendingUpdates<Real>::fold_into(MatrixView<Real> w) {
  if (columns_ > 0) {
    multiply<Real>(Transpose::no, Transpose::yes, Real{1}, u(), v(), Real{1}, w);
    columns_ = 0;
  }
}

template <class Real>
void multiply_weights(Transpose transpose, MatrixView<const Real> w,
                      const PendingUpdates<Real>* pending, MatrixView<const Real> x,
                      MatrixView<Real> y) {
  set_product(transpose, w, x, y);
  if (pending == nullptr || pending->u().cols == 0) {
    return;
  }
  const bool is_plain = transpose == Transpose::no;
  const auto left = is_plain ? pending->u() : pending->v();
  const auto right = is_plain ? pending->v() : pending->u();
  Matrix<Real> coefficients(right.cols, x.cols);
  set_product(Transpose::yes, right, x, coefficients.view());
  multiply<Real>(Transpose::no, Transpose::no, Real{1}, left, coefficients.view(), Real{1}, y);
}

template class PendingUpdates<float>;
template class PendingUpdates<double>;
template void multiply_weights(Transpose, MatrixView<const float>, const PendingUpdates<float>*,
                               MatrixView<const float>, MatrixView<float>);
template void multiply_weights(Transpose, MatrixView<const double>, const PendingUpdates<double>*,
                               MatrixView<const double>, MatrixView<double>);

}  // namespace ntkflow
