#include "ntkflow/linalg/stored_symmetric.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>
#include <span>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/local_rows.hpp>
#include <ntkflow/linalg/thin_products.hpp>

namespace ntkflow {
namespace {

/// Rows and columns of a tile: in double 1 MiB, which stays in a core's second-level cache between
/// the product with the tile and that with its transpose.
constexpr std::int64_t kTileRows = 512;
constexpr std::int64_t kTileCols = 256;

/// Room between the columns of a tile, so that they do not all compete for the same cache lines.
constexpr std::int64_t kTileStride = kTileRows + 8;

/// Calls visit(row, col, m, n), all local, for tiles that together cover every element above the
/// diagonal once. Those that cross the diagonal reach a little below it.
template <class Visit>
void for_each_upper_tile(const BlockCyclic& row_map, const BlockCyclic& col_map, Visit&& visit) {
  const std::int64_t cols = col_map.local_size();
  for (std::int64_t col = 0; col < cols; col += kTileCols) {
    const std::int64_t n = std::min(kTileCols, cols - col);
    // Local rows ascend with their global index, so those above the tile's last column come first.
    const std::int64_t rows = row_map.local_count_below(col_map.to_global({col + n - 1}));
    for (std::int64_t row = 0; row < rows; row += kTileRows) {
      visit(row, col, std::min(kTileRows, rows - row), n);
    }
  }
}

/// The tile of `a` at local (row, col) in double, zero on the diagonal and below, where nothing is
/// read.
template <class Real>
void copy_upper(const DistMatrix<Real>& a, std::int64_t row, std::int64_t col,
                MatrixView<double> tile) {
  const auto local = a.local();
#pragma omp parallel for schedule(static)
  for (std::int64_t j = 0; j < tile.cols; ++j) {
    const GlobalIndex g = a.col_map().to_global({col + j});
    const std::int64_t above =
        std::clamp<std::int64_t>(a.row_map().local_count_below(g) - row, 0, tile.rows);
    const Real* from = local.column(col + j) + row;
    double* to = tile.column(j);
    std::copy_n(from, above, to);
    std::fill(to + above, to + tile.rows, 0.0);
  }
}

}  // namespace

template <class Real>
StoredSymmetric<Real>::StoredSymmetric(const DistMatrix<Real>& upper, std::vector<double> diagonal)
    : upper_(&upper), diagonal_(std::move(diagonal)) {
  NTKFLOW_EXPECTS(upper.rows() == upper.cols() && std::ssize(diagonal_) == upper.rows(),
                  upper.rows(), upper.cols(), diagonal_.size());
}

template <class Real>
std::int64_t StoredSymmetric<Real>::size() const {
  return upper_->rows();
}

template <class Real>
Matrix<double> StoredSymmetric<Real>::apply(const Matrix<double>& x) const {
  NTKFLOW_EXPECTS(x.rows() == size(), x.rows(), size());
  const Communicator& comm = upper_->grid()->comm();
  const BlockCyclic& row_map = upper_->row_map();
  const BlockCyclic& col_map = upper_->col_map();
  const std::int64_t k = x.cols();
  Matrix<double> product;
  collectively(comm, [&] {
    product = Matrix<double>(x.rows(), k);
    const Matrix<double> x_rows = rows_of<double>(x, row_map);
    const Matrix<double> x_cols = rows_of<double>(x, col_map);
    Matrix<double> row_sums(x_rows.rows(), k);
    Matrix<double> col_sums(x_cols.rows(), k);
    AlignedBuffer<double> buffer(kTileStride * kTileCols);
    for_each_upper_tile(row_map, col_map,
                        [&](std::int64_t row, std::int64_t col, std::int64_t m, std::int64_t n) {
                          const MatrixView<double> tile(buffer.data(), m, n, kTileStride);
                          copy_upper(*upper_, row, col, tile);
                          add_product<double>(tile, x_cols.view().block(col, 0, n, k),
                                              row_sums.view().block(row, 0, m, k));
                          add_transposed_product<double>(tile, x_rows.view().block(row, 0, m, k),
                                                         col_sums.view().block(col, 0, n, k));
                        });
    add_rows(row_sums, row_map, product);
    add_rows(col_sums, col_map, product);
    if (comm.rank() == 0) {
      for (std::int64_t j = 0; j < k; ++j) {
        for (std::int64_t i = 0; i < x.rows(); ++i) {
          product.column(j)[i] += diagonal_[static_cast<std::size_t>(i)] * x.column(j)[i];
        }
      }
    }
  });
  comm.sum(std::span(product.data(), static_cast<std::size_t>(product.size())));
  return product;
}

template <class Real>
double StoredSymmetric<Real>::frobenius_norm() const {
  const auto local = upper_->local();
  double above = 0.0;
  for (std::int64_t j = 0; j < local.cols; ++j) {
    const std::int64_t rows = upper_->row_map().local_count_below(upper_->col_map().to_global({j}));
    above += std::transform_reduce(local.column(j), local.column(j) + rows, 0.0, std::plus<>(),
                                   [](Real value) {
                                     const auto wide = static_cast<double>(value);
                                     return wide * wide;
                                   });
  }
  return std::sqrt(2.0 * upper_->grid()->comm().sum(above) +
                   std::inner_product(diagonal_.begin(), diagonal_.end(), diagonal_.begin(), 0.0));
}

template class StoredSymmetric<float>;
template class StoredSymmetric<double>;

}  // namespace ntkflow
