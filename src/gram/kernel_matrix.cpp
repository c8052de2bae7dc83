#include "ntkflow/gram/kernel_matrix.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/local_rows.hpp>
#include <ntkflow/linalg/local.hpp>

namespace ntkflow {
namespace {

/// Columns of a tile that a thread takes at a time.
constexpr std::int64_t kStrip = 16;

/// sums[first : first + rows] += op(tile) x in Real, added up in double.
template <class Real>
void accumulate(Transpose transpose, MatrixView<const Real> tile, MatrixView<const Real> x,
                Matrix<Real>& scratch, std::int64_t first, Matrix<double>& sums) {
  const std::int64_t rows = transpose == Transpose::no ? tile.rows : tile.cols;
  const MatrixView<Real> product(scratch.data(), rows, x.cols);
  multiply<Real>(transpose, Transpose::no, Real{1}, tile, x, Real{0}, product);
  for (std::int64_t j = 0; j < x.cols; ++j) {
    for (std::int64_t i = 0; i < rows; ++i) {
      sums.column(j)[first + i] += static_cast<double>(product.column(j)[i]);
    }
  }
}

/// Clears what of the tile at local (row, col) lies above the diagonal shifted by `offset`: global
/// row < global column + offset.
template <class Real>
void clear_above(std::int64_t offset, const BlockCyclic& row_map, const BlockCyclic& col_map,
                 std::int64_t row, std::int64_t col, MatrixView<Real> tile) {
  for (std::int64_t j = 0; j < tile.cols; ++j) {
    const std::int64_t g = col_map.to_global({col + j}).value;
    const std::int64_t above = std::min(tile.rows, row_map.local_count_below({g + offset}) - row);
    if (above > 0) {
      std::fill_n(tile.column(j), above, Real{0});
    }
  }
}

}  // namespace

template <class Real>
KernelMatrix<Real>::KernelMatrix(std::shared_ptr<const ProcessGrid> grid,
                                 std::shared_ptr<const KernelEvaluator<Real>> evaluator,
                                 KernelType type, BlockCyclic row_map,
                                 std::shared_ptr<const KernelSamples<Real>> rows,
                                 BlockCyclic col_map,
                                 std::shared_ptr<const KernelSamples<Real>> cols)
    : grid_(std::move(grid)),
      evaluator_(std::move(evaluator)),
      type_(type),
      row_map_(row_map),
      col_map_(col_map),
      row_samples_(std::move(rows)),
      col_samples_(std::move(cols)) {
  NTKFLOW_EXPECTS(row_samples_->size() == row_map_.local_size(), row_samples_->size(),
                  row_map_.local_size());
  NTKFLOW_EXPECTS(col_samples_->size() == col_map_.local_size(), col_samples_->size(),
                  col_map_.local_size());
  NTKFLOW_EXPECTS(row_map_.block() == col_map_.block(), row_map_.block(), col_map_.block());
}

template <class Real>
void KernelMatrix<Real>::evaluate_tile(std::int64_t row, std::int64_t col,
                                       std::span<const MatrixView<Real>> out) const {
  const std::int64_t d = row_samples_->dimension();
  const MatrixView<Real>& products = out.back();
  const std::int64_t m = products.rows;
  const std::int64_t n = products.cols;
  multiply<Real>(Transpose::yes, Transpose::no, Real{1},
                 row_samples_->x().view().block(0, row, d, m),
                 col_samples_->x().view().block(0, col, d, n), Real{0}, products);

  // Strips of columns are independent, so the threads of this rank share them; BLAS uses the same
  // threads above. No exception may leave the loop: one waits until it has ended.
  const std::int64_t strips = (n + kStrip - 1) / kStrip;
  std::exception_ptr failure;
#pragma omp parallel for schedule(static)
  for (std::int64_t strip = 0; strip < strips; ++strip) {
    try {
      const std::int64_t j = strip * kStrip;
      std::vector<MatrixView<Real>> parts;
      for (const MatrixView<Real>& matrix : out) {
        parts.push_back(matrix.block(0, j, m, std::min(kStrip, n - j)));
      }
      turn_into_kernels(row, col + j, parts);
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
  }
  if (failure) {
    std::rethrow_exception(failure);
  }
}

template <class Real>
void KernelMatrix<Real>::turn_into_kernels(std::int64_t row, std::int64_t col,
                                           std::span<const MatrixView<Real>> parts) const {
  const MatrixView<Real>& products = parts.back();
  const std::int64_t n = products.cols;
  const std::int64_t d = row_samples_->dimension();
  const SampleVariances<Real>& rows = row_samples_->variances();
  const SampleVariances<Real>& cols = col_samples_->variances();
  // Where samples are nearly parallel the rounding of a product decides about half of the kernel's
  // digits, and equal samples must give equal rows: form those few products in twice the precision,
  // and their kernels from the samples themselves.
  std::array<std::int64_t, kTileRows * kStrip> memory;
  std::array<std::span<const std::int64_t>, kStrip> found;
  for (std::int64_t k = 0; k < n; ++k) {
    const std::span<const Real> column(products.column(k), static_cast<std::size_t>(products.rows));
    found[k] = evaluator_->near_parallel(column, rows, row, cols, col + k,
                                         std::span(memory).subspan(k * kTileRows, kTileRows));
    for (const std::int64_t i : found[k]) {
      products.column(k)[i] = static_cast<Real>(
          accurate_dot(row_samples_->x().column(row + i), col_samples_->x().column(col + k), d));
    }
  }
  if (parts.size() > 1) {
    const std::span<const MatrixView<Real>> none;
    evaluator_->evaluate_depths(products, rows, row, cols, col,
                                type_ == KernelType::nngp ? parts : none,
                                type_ == KernelType::ntk ? parts : none);
  } else {
    const MatrixView<Real> none;
    evaluator_->evaluate(products, rows, row, cols, col,
                         type_ == KernelType::nngp ? products : none,
                         type_ == KernelType::ntk ? products : none);
  }
  for (std::int64_t k = 0; k < n; ++k) {
    for (const std::int64_t i : found[k]) {
      replace_near(row + i, col + k, i, k, parts);
    }
  }
}

template <class Real>
void KernelMatrix<Real>::replace_near(std::int64_t row, std::int64_t col, std::int64_t i,
                                      std::int64_t k,
                                      std::span<const MatrixView<Real>> parts) const {
  const auto row_norm = row_samples_->squared_norms()[static_cast<std::size_t>(row)];
  const auto col_norm = col_samples_->squared_norms()[static_cast<std::size_t>(col)];
  const auto correlation = near_correlation(
      row_samples_->x().column(row), col_samples_->x().column(col), row_samples_->dimension());
  const bool are_equal = correlation.sign > 0.0 && correlation.gap == 0.0 && row_norm == col_norm;
  int depth = first_depth(parts.size());
  for (const MatrixView<Real>& part : parts) {
    if (are_equal) {
      part.column(k)[i] = diagonal(depth++)[col];
    } else if (const auto near =
                   evaluator_->near_kernels(row_norm, col_norm, correlation, depth++)) {
      part.column(k)[i] = static_cast<Real>(type_ == KernelType::ntk ? near->ntk : near->nngp);
    }
  }
}

template <class Real>
void KernelMatrix<Real>::set_diagonal(std::int64_t row, std::int64_t col,
                                      std::span<const MatrixView<Real>> tiles) const {
  for (std::int64_t j = 0; j < tiles.back().cols; ++j) {
    const GlobalIndex g = col_map_.to_global({col + j});
    if (!row_map_.is_mine(g)) {
      continue;
    }
    const std::int64_t i = row_map_.to_local(g).value - row;
    if (i < 0 || i >= tiles.back().rows) {
      continue;
    }
    int depth = first_depth(tiles.size());
    for (const MatrixView<Real>& tile : tiles) {
      tile.column(j)[i] = diagonal(depth++)[col + j];
    }
  }
}

template <class Real>
DistMatrix<Real> KernelMatrix<Real>::assemble_symmetric(Triangle triangle, Monitor& monitor) const {
  return std::move(assemble(1, triangle, monitor).front());
}

template <class Real>
DistMatrix<float> KernelMatrix<Real>::assemble_rounded(Monitor& monitor) const {
  NTKFLOW_EXPECTS(rows() == cols(), rows(), cols());
  std::optional<DistMatrix<float>> rounded;
  collectively(grid_->comm(), [&] {
    rounded.emplace(grid_, rows(), cols(), block());
    Matrix<Real> buffer(kTileRows, kTileCols);
    for_each_lower_tile(row_map_, col_map_,
                        [&](std::int64_t row, std::int64_t col, std::int64_t m, std::int64_t n) {
                          const MatrixView<Real> tile(buffer.data(), m, n, kTileRows);
                          evaluate_tile(row, col, std::span(&tile, 1));
                          set_diagonal(row, col, std::span(&tile, 1));
                          clear_above(0, row_map_, col_map_, row, col, tile);
                          const MatrixView<float> out = rounded->local().block(row, col, m, n);
                          for (std::int64_t j = 0; j < n; ++j) {
                            std::transform(tile.column(j), tile.column(j) + m, out.column(j),
                                           [](Real value) { return static_cast<float>(value); });
                          }
                          monitor.progress(col, col_map_.local_size());
                        });
  });
  return std::move(*rounded);
}

template <class Real>
std::vector<DistMatrix<Real>> KernelMatrix<Real>::assemble_symmetric_by_depth(
    Monitor& monitor) const {
  return assemble(static_cast<std::size_t>(evaluator_->architecture().depth), Triangle::both,
                  monitor);
}

template <class Real>
std::vector<DistMatrix<Real>> KernelMatrix<Real>::assemble(std::size_t depths, Triangle triangle,
                                                           Monitor& monitor) const {
  std::vector<DistMatrix<Real>> matrices;
  collectively(grid_->comm(), [&] {
    for (std::size_t k = 0; k < depths; ++k) {
      matrices.emplace_back(grid_, rows(), cols(), block());
    }
  });
  fill_symmetric(matrices, triangle, monitor);
  return matrices;
}

template <class Real>
void KernelMatrix<Real>::fill_symmetric(std::span<DistMatrix<Real>> matrices, Triangle triangle,
                                        Monitor& monitor) const {
  NTKFLOW_EXPECTS(rows() == cols(), rows(), cols());
  for (const DistMatrix<Real>& matrix : matrices) {
    NTKFLOW_EXPECTS(matrix.rows() == rows() && matrix.cols() == cols() && matrix.block() == block(),
                    matrix.rows(), matrix.cols(), matrix.block());
  }
  const std::int64_t local_cols = matrices.front().local_cols();
  const auto fill = [&](std::int64_t row, std::int64_t col, std::int64_t m, std::int64_t n) {
    std::vector<MatrixView<Real>> tiles;
    for (DistMatrix<Real>& matrix : matrices) {
      tiles.push_back(matrix.local().block(row, col, m, n));
    }
    evaluate_tile(row, col, tiles);
    set_diagonal(row, col, tiles);
    if (triangle == Triangle::lower) {
      for (const MatrixView<Real>& tile : tiles) {
        clear_above(0, row_map_, col_map_, row, col, tile);
      }
    }
    monitor.progress(col, local_cols);
  };
  collectively(grid_->comm(), [&] {
    if (triangle == Triangle::both) {
      for_each_tile(matrices.front().local_rows(), local_cols, fill);
    } else {
      for_each_lower_tile(row_map_, col_map_, fill);
    }
  });
}

template <class Real>
DistMatrix<Real> KernelMatrix<Real>::assemble_columns(std::int64_t begin, std::int64_t end) const {
  NTKFLOW_EXPECTS(begin % (block() * grid_->shape().cols) == 0, begin, block());
  std::unique_ptr<DistMatrix<Real>> k;
  collectively(grid_->comm(), [&] {
    k = std::make_unique<DistMatrix<Real>>(grid_, rows(), end - begin, block());
  });
  const MatrixView<Real> local = k->local();
  const std::int64_t first = col_map_.local_count_below({begin});
  collectively(grid_->comm(), [&] {
    for_each_tile(local.rows, local.cols,
                  [&](std::int64_t row, std::int64_t col, std::int64_t m, std::int64_t n) {
                    const MatrixView<Real> tile = local.block(row, col, m, n);
                    evaluate_tile(row, first + col, std::span(&tile, 1));
                  });
  });
  return std::move(*k);
}

template <class Real>
Matrix<double> KernelMatrix<Real>::multiply_symmetric(const Matrix<double>& x,
                                                      Monitor& monitor) const {
  NTKFLOW_EXPECTS(rows() == cols() && x.rows() == rows(), rows(), cols(), x.rows());
  Matrix<double> product;
  collectively(grid_->comm(), [&] {
    const Matrix<Real> x_rows = rows_of<Real>(x, row_map_);
    const Matrix<Real> x_cols = rows_of<Real>(x, col_map_);
    Matrix<double> row_sums(x_rows.rows(), x.cols());
    Matrix<double> col_sums(x_cols.rows(), x.cols());
    Matrix<Real> tile_buffer(kTileRows, kTileCols);
    Matrix<Real> scratch(std::max(kTileRows, kTileCols), x.cols());
    for_each_lower_tile(
        row_map_, col_map_,
        [&](std::int64_t row, std::int64_t col, std::int64_t m, std::int64_t n) {
          const MatrixView<Real> tile(tile_buffer.data(), m, n, kTileRows);
          evaluate_tile(row, col, std::span(&tile, 1));
          set_diagonal(row, col, std::span(&tile, 1));
          // Above the diagonal another tile has the pair; on it the pair counts once.
          clear_above(0, row_map_, col_map_, row, col, tile);
          accumulate<Real>(Transpose::no, tile, x_cols.view().block(col, 0, n, x.cols()), scratch,
                           row, row_sums);
          clear_above(1, row_map_, col_map_, row, col, tile);
          accumulate<Real>(Transpose::yes, tile, x_rows.view().block(row, 0, m, x.cols()), scratch,
                           col, col_sums);
          monitor.progress(col, col_map_.local_size());
        });
    product = Matrix<double>(rows(), x.cols());
    add_rows(row_sums, row_map_, product);
    add_rows(col_sums, col_map_, product);
  });
  grid_->comm().sum(std::span(product.data(), static_cast<std::size_t>(product.size())));
  return product;
}

template <class Real>
Matrix<double> KernelMatrix<Real>::multiply_transposed(const Matrix<double>& x,
                                                       Monitor& monitor) const {
  NTKFLOW_EXPECTS(x.rows() == rows(), x.rows(), rows());
  Matrix<double> product;
  collectively(grid_->comm(), [&] {
    const Matrix<Real> x_rows = rows_of<Real>(x, row_map_);
    Matrix<double> sums(col_map_.local_size(), x.cols());
    Matrix<Real> tile_buffer(kTileRows, kTileCols);
    Matrix<Real> scratch(kTileCols, x.cols());
    for_each_tile(x_rows.rows(), sums.rows(),
                  [&](std::int64_t row, std::int64_t col, std::int64_t m, std::int64_t n) {
                    const MatrixView<Real> tile(tile_buffer.data(), m, n, kTileRows);
                    evaluate_tile(row, col, std::span(&tile, 1));
                    accumulate<Real>(Transpose::yes, tile, x_rows.view().block(row, 0, m, x.cols()),
                                     scratch, col, sums);
                    monitor.progress(col, sums.rows());
                  });
    product = Matrix<double>(cols(), x.cols());
    add_rows(sums, col_map_, product);
  });
  grid_->comm().sum(std::span(product.data(), static_cast<std::size_t>(product.size())));
  return product;
}

template <class Real>
std::vector<double> KernelMatrix<Real>::column_diagonal() const {
  std::vector<double> diagonal(static_cast<std::size_t>(cols()), 0.0);
  if (grid_->row() ==
      0) {  // every rank of a grid column holds the same samples: one of them speaks
    for (std::int64_t j = 0; j < col_map_.local_size(); ++j) {
      diagonal[static_cast<std::size_t>(col_map_.to_global({j}).value)] =
          evaluator_->diagonal(col_samples_->squared_norms()[static_cast<std::size_t>(j)], type_);
    }
  }
  grid_->comm().sum(std::span(diagonal));
  return diagonal;
}

template class KernelMatrix<float>;
template class KernelMatrix<double>;

}  // namespace ntkflow
