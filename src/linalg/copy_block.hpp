#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/matrix_view.hpp>

namespace ntkflow {

/// to = from, of equal shapes. Local.
template <class Real>
void copy_block(std::type_identity_t<MatrixView<const Real>> from, MatrixView<Real> to) {
  NTKFLOW_EXPECTS(from.rows == to.rows && from.cols == to.cols, from.rows, from.cols, to.rows,
                  to.cols);
  for (std::int64_t j = 0; j < to.cols; ++j) {
    std::copy_n(from.column(j), to.rows, to.column(j));
  }
}

}  // namespace ntkflow
