#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

#include <ntkflow/base/aligned_buffer.hpp>
#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/index.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dist/process_grid.hpp>

namespace ntkflow {

/// A matrix [rows x cols] spread block-cyclically over a process grid with square blocks,
/// ScaLAPACK's layout. This rank stores local_rows() x local_cols() values, column-major. Zero at
/// construction, when a large one takes no memory yet: each page of it does at its first write.
/// Move only.
template <class Real>
class DistMatrix {
 public:
  /// Local (every rank of the grid makes its own part). Throws ResourceError when memory is short,
  /// so that callers wrap it in `collectively`.
  DistMatrix(std::shared_ptr<const ProcessGrid> grid, std::int64_t rows, std::int64_t cols,
             std::int64_t block)
      : grid_(std::move(grid)),
        row_map_(rows, block, grid_->shape().rows, grid_->row()),
        col_map_(cols, block, grid_->shape().cols, grid_->col()),
        buffer_(AlignedBuffer<Real>::zeroed(row_map_.local_size() * col_map_.local_size())) {}

  [[nodiscard]] const std::shared_ptr<const ProcessGrid>& grid() const noexcept { return grid_; }
  [[nodiscard]] std::int64_t rows() const { return row_map_.size(); }
  [[nodiscard]] std::int64_t cols() const { return col_map_.size(); }
  [[nodiscard]] std::int64_t block() const { return row_map_.block(); }
  [[nodiscard]] const BlockCyclic& row_map() const noexcept { return row_map_; }
  [[nodiscard]] const BlockCyclic& col_map() const noexcept { return col_map_; }
  [[nodiscard]] std::int64_t local_rows() const { return row_map_.local_size(); }
  [[nodiscard]] std::int64_t local_cols() const { return col_map_.local_size(); }
  [[nodiscard]] std::int64_t bytes() const noexcept { return buffer_.bytes(); }

  /// This rank's part, [local_rows x local_cols].
  [[nodiscard]] MatrixView<Real> local() { return {buffer_.data(), local_rows(), local_cols()}; }
  [[nodiscard]] MatrixView<const Real> local() const {
    return {buffer_.data(), local_rows(), local_cols()};
  }

  /// Sets every element of this rank's part to f(i, j), i and j global. Local.
  template <class Function>
  void fill(Function&& f) {
    const auto view = local();
    for (std::int64_t j_loc = 0; j_loc < view.cols; ++j_loc) {
      const GlobalIndex j = col_map_.to_global({j_loc});
      for (std::int64_t i_loc = 0; i_loc < view.rows; ++i_loc) {
        view(i_loc, j_loc) = f(row_map_.to_global({i_loc}).value, j.value);
      }
    }
  }

  /// A second matrix with the same content. Local.
  [[nodiscard]] DistMatrix clone() const {
    DistMatrix copy(grid_, rows(), cols(), block());
    std::copy_n(buffer_.data(), buffer_.size(), copy.buffer_.data());
    return copy;
  }

 private:
  std::shared_ptr<const ProcessGrid> grid_;
  BlockCyclic row_map_;
  BlockCyclic col_map_;
  AlignedBuffer<Real> buffer_;
};

/// Calls visit(i, element) for the diagonal elements (i, i), i global, that this rank stores, i
/// ascending; `element` refers into the matrix. Local.
/// @param matrix  a square DistMatrix, const or not
template <class Distributed, class Visit>
void for_each_diagonal(Distributed& matrix, Visit&& visit) {
  NTKFLOW_EXPECTS(matrix.rows() == matrix.cols(), matrix.rows(), matrix.cols());
  const auto local = matrix.local();
  for (std::int64_t j_loc = 0; j_loc < local.cols; ++j_loc) {
    const GlobalIndex j = matrix.col_map().to_global({j_loc});
    if (matrix.row_map().is_mine(j)) {
      visit(j.value, local(matrix.row_map().to_local(j).value, j_loc));
    }
  }
}

}  // namespace ntkflow
