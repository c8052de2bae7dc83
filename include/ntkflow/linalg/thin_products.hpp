#pragma once

#include <ntkflow/base/matrix_view.hpp>

// Products of a large block with few columns, which read the block once at nearly the speed of
// memory. BLAS copies its operands before it multiplies, which with 10 columns costs four times the
// product itself (OpenBLAS 0.3.21). The threads of this rank share the work, and the result does
// not depend on their number.
namespace ntkflow {

/// U += A X for A [m x n], X [n x k], U [m x k]. Local.
template <class Real>
void add_product(MatrixView<const Real> a, MatrixView<const Real> x, MatrixView<Real> u);

/// V += A^T X for A [m x n], X [m x k], V [n x k]. Local.
template <class Real>
void add_transposed_product(MatrixView<const Real> a, MatrixView<const Real> x, MatrixView<Real> v);

}  // namespace ntkflow
