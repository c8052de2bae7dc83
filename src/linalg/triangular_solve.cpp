#include "triangular_solve.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <utility>
#include <vector>

#include <mpi.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/thin_products.hpp>

#include "blas_abi.hpp"
#include "copy_block.hpp"
#include "mpi_type.hpp"

namespace ntkflow {
namespace {

/// Right-hand sides solved together: the most for which the products are not yet BLAS's business.
/// It bounds memory and messages too.
constexpr std::int64_t kColumns = 64;

/// Sum over the ranks of comm, on `root` alone.
template <class Real>
void sum_to(const Communicator& comm, int root, MatrixView<Real> values) {
  if (comm.size() > 1) {
    const bool is_root = comm.rank() == root;
    check_mpi(MPI_Reduce(is_root ? MPI_IN_PLACE : values.data, values.data,
                         narrow<int>(values.rows * values.cols, "elements of a block of columns"),
                         mpi_type<Real>(), MPI_SUM, root, comm.handle()),
              "MPI_Reduce");
  }
}

template <class Real>
void broadcast(const Communicator& comm, int root, MatrixView<Real> values) {
  comm.broadcast(std::as_writable_bytes(
                     std::span(values.data, static_cast<std::size_t>(values.rows * values.cols))),
                 root);
}

/// The diagonal block of a square matrix that begins at a global index, and its owner.
struct DiagonalBlock {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  int row = 0;  // of the owner in the grid
  int col = 0;
  bool is_in_my_row = false;
  bool is_in_my_col = false;

  template <class Real>
  DiagonalBlock(const DistMatrix<Real>& l, std::int64_t index)
      : begin(index * l.block()),
        end(std::min(begin + l.block(), l.rows())),
        row(l.row_map().owner({begin})),
        col(l.col_map().owner({begin})),
        is_in_my_row(l.grid()->row() == row),
        is_in_my_col(l.grid()->col() == col) {}

  [[nodiscard]] std::int64_t size() const { return end - begin; }
  [[nodiscard]] bool is_mine() const { return is_in_my_row && is_in_my_col; }
};

template <class Real>
std::int64_t block_count(const DistMatrix<Real>& l) {
  return (l.rows() + l.block() - 1) / l.block();
}

/// Solves with the diagonal block, which this rank owns.
template <class Real>
void solve_diagonal(const DistMatrix<Real>& l, const DiagonalBlock& block, char transpose,
                    MatrixView<Real> x) {
  const auto local = l.local();
  const Real* diagonal = local.column(l.col_map().to_local({block.begin}).value) +
                         l.row_map().to_local({block.begin}).value;
  const int size = narrow<int>(block.size(), "block size");
  blas::trsm('L', 'L', transpose, 'N', size, narrow<int>(x.cols, "matrix columns"), Real{1},
             diagonal, narrow<int>(local.ld, "local matrix rows"), x.data, size);
}

/// This rank's part of a block column of L below the diagonal block, worked off in pieces.
struct Panel {
  std::int64_t begin = 0;  // global, of the block
  std::int64_t size = 0;   // its columns; 0: no panel
  std::int64_t col = 0;    // the first of them, local
  std::int64_t first = 0;  // its first row, local
  std::int64_t done = 0;   // boundary of the rows worked off

  Panel() = default;
  template <class Real>
  Panel(const DistMatrix<Real>& l, const DiagonalBlock& block)
      : begin(block.begin),
        size(block.size()),
        col(l.col_map().to_local({begin}).value),
        first(l.row_map().local_count_below({block.end})),
        done(first) {}
};

}  // namespace

template <class Real>
void forward_substitute(const DistMatrix<Real>& l, Matrix<Real>& x) {
  NTKFLOW_EXPECTS(l.rows() == l.cols() && x.rows() == l.rows(), l.rows(), l.cols(), x.rows());
  const ProcessGrid& grid = *l.grid();
  const std::int64_t cycle = grid.shape().cols;
  const std::int64_t k = x.cols();
  Matrix<Real> sums;    // of my columns' contributions to my rows
  Matrix<Real> buffer;  // of one block's rows
  collectively(grid.comm(), [&] {
    sums = Matrix<Real>(l.local_rows(), k);
    buffer = Matrix<Real>(std::min(l.block(), l.rows()), k);
  });

  Panel panel;
  for (std::int64_t index = 0; index < block_count(l); ++index) {
    const DiagonalBlock block(l, index);
    // The latest solution in my grid column has `cycle` steps to be worked off, from the top: this
    // step's share, and in any case what the coming block waits for.
    if (panel.size > 0) {
      const std::int64_t steps = index - panel.begin / l.block();
      const std::int64_t rows = l.local_rows() - panel.first;
      const std::int64_t until = std::max(panel.first + (rows * steps + cycle - 1) / cycle,
                                          l.row_map().local_count_below({block.end}));
      const std::int64_t m = until - panel.done;
      if (m > 0) {
        add_product<Real>(l.local().block(panel.done, panel.col, m, panel.size),
                          std::as_const(x).view().block(panel.begin, 0, panel.size, k),
                          sums.view().block(panel.done, 0, m, k));
        panel.done = until;
      }
    }
    const MatrixView<Real> message(buffer.data(), block.size(), k);
    const MatrixView<Real> solution = x.view().block(block.begin, 0, block.size(), k);
    if (block.is_in_my_row) {
      const std::int64_t row = l.row_map().to_local({block.begin}).value;
      copy_block(sums.view().block(row, 0, block.size(), k), message);
      sum_to(grid.row_comm(), block.col, message);
    }
    if (block.is_mine()) {
      for (std::int64_t j = 0; j < k; ++j) {
        std::transform(solution.column(j), solution.column(j) + block.size(), message.column(j),
                       message.column(j), std::minus<>());
      }
      solve_diagonal(l, block, 'N', message);
    }
    if (block.is_in_my_col) {
      broadcast(grid.col_comm(), block.row, message);
      copy_block(message, solution);
      panel = Panel(l, block);
    }
  }
}

template <class Real>
void backward_substitute(const DistMatrix<Real>& l, Matrix<Real>& x) {
  NTKFLOW_EXPECTS(l.rows() == l.cols() && x.rows() == l.rows(), l.rows(), l.cols(), x.rows());
  const ProcessGrid& grid = *l.grid();
  const std::int64_t cycle = grid.shape().cols;
  const std::int64_t k = x.cols();
  Matrix<Real> known;   // the solution in my rows
  Matrix<Real> sums;    // of my rows' contributions to the next block of my grid column
  Matrix<Real> buffer;  // of one block's rows
  collectively(grid.comm(), [&] {
    known = Matrix<Real>(l.local_rows(), k);
    sums = Matrix<Real>(std::min(l.block(), l.rows()), k);
    buffer = Matrix<Real>(sums.rows(), k);
  });

  // The forward substitution in reverse: a panel is worked off from the bottom, where the solution
  // is known, in the `cycle` steps that end with its own block.
  Panel panel;
  for (std::int64_t index = block_count(l) - 1; index >= 0; --index) {
    const DiagonalBlock block(l, index);
    const std::int64_t ahead =
        (block.col - grid.col() + cycle) % cycle;  // steps until my grid column's next block
    if (index >= ahead) {
      const DiagonalBlock next(l, index - ahead);
      if (panel.size == 0 || panel.begin != next.begin) {
        panel = Panel(l, next);
        panel.done = l.local_rows();
        std::fill_n(sums.data(), sums.size(), Real{0});
      }
      const std::int64_t rows = l.local_rows() - panel.first;
      const std::int64_t until =
          std::max(panel.first + rows * ahead / cycle, l.row_map().local_count_below({block.end}));
      const std::int64_t m = panel.done - until;
      if (m > 0) {
        add_transposed_product<Real>(l.local().block(until, panel.col, m, panel.size),
                                     std::as_const(known).view().block(until, 0, m, k),
                                     MatrixView<Real>(sums.data(), panel.size, k));
        panel.done = until;
      }
    }
    const MatrixView<Real> message(buffer.data(), block.size(), k);
    if (block.is_in_my_col) {
      copy_block({sums.data(), block.size(), k}, message);
      sum_to(grid.col_comm(), block.row, message);
    }
    if (block.is_mine()) {
      const MatrixView<Real> solution = x.view().block(block.begin, 0, block.size(), k);
      for (std::int64_t j = 0; j < k; ++j) {
        std::transform(solution.column(j), solution.column(j) + block.size(), message.column(j),
                       message.column(j), std::minus<>());
      }
      solve_diagonal(l, block, 'T', message);
      copy_block(message, solution);
    }
    if (block.is_in_my_row) {
      broadcast(grid.row_comm(), block.col, message);
      const std::int64_t row = l.row_map().to_local({block.begin}).value;
      copy_block(message, known.view().block(row, 0, block.size(), k));
    }
  }
}

namespace {

/// The exponent e for which the largest magnitude of 2^-e x lies in [1/2, 1); 0 where there is
/// none.
int exponent_of(const double* x, std::int64_t n) {
  double largest = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    largest = std::max(largest, std::abs(x[i]));
  }
  int exponent = 0;
  if (std::isfinite(largest)) {
    std::frexp(largest, &exponent);
  }
  return exponent;
}

}  // namespace

template <class Real>
Matrix<double> solve_factored(const DistMatrix<Real>& l, const Matrix<double>& b) {
  NTKFLOW_EXPECTS(b.rows() == l.rows(), b.rows(), l.rows());
  const std::int64_t n = b.rows();
  Matrix<double> solution;
  collectively(l.grid()->comm(), [&] { solution = Matrix<double>(n, b.cols()); });
  for (std::int64_t first = 0; first < b.cols(); first += kColumns) {
    Matrix<Real> x;
    std::vector<int> exponents;
    collectively(l.grid()->comm(), [&] {
      x = Matrix<Real>(n, std::min(kColumns, b.cols() - first));
      for (std::int64_t j = 0; j < x.cols(); ++j) {
        const double* column = b.column(first + j);
        const int exponent = exponents.emplace_back(exponent_of(column, n));
        std::transform(column, column + n, x.column(j), [exponent](double value) {
          return static_cast<Real>(std::ldexp(value, -exponent));
        });
      }
    });
    forward_substitute(l, x);
    backward_substitute(l, x);
    for (std::int64_t index = 0; index < block_count(l); ++index) {
      const DiagonalBlock block(l, index);
      for (std::int64_t j = 0; block.is_mine() && j < x.cols(); ++j) {
        std::transform(x.column(j) + block.begin, x.column(j) + block.end,
                       solution.column(first + j) + block.begin,
                       [exponent = exponents[static_cast<std::size_t>(j)]](Real value) {
                         return std::ldexp(static_cast<double>(value), exponent);
                       });
      }
    }
  }
  l.grid()->comm().sum(std::span(solution.data(), static_cast<std::size_t>(solution.size())));
  return solution;
}

template void forward_substitute(const DistMatrix<float>&, Matrix<float>&);
template void forward_substitute(const DistMatrix<double>&, Matrix<double>&);
template void backward_substitute(const DistMatrix<float>&, Matrix<float>&);
template void backward_substitute(const DistMatrix<double>&, Matrix<double>&);
template Matrix<double> solve_factored(const DistMatrix<float>&, const Matrix<double>&);
template Matrix<double> solve_factored(const DistMatrix<double>&, const Matrix<double>&);

}  // namespace ntkflow
