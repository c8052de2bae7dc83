#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {

/// What projection leaves of a vector of n values is rounding up to this part of the vector's
/// scale.
double projection_rounding(std::int64_t n);

/// The root of a sum of squares over all ranks. Throws NumericalError where it is not finite: a sum
/// with a value that is not never is, in whatever order the ranks add.
double finite_length(double square);

/// Tall matrices [n x k] whose rows are shared contiguously over a communicator: what subspace
/// methods do with them. `mine` is this rank's rows of one. All members but the first three are
/// collective over the communicator, which must outlive the object.
class SharedRows {
 public:
  SharedRows(const Communicator& comm, std::int64_t n)
      : comm_(&comm), n_(n), rows_(contiguous_share(n, comm.size(), comm.rank())) {}

  [[nodiscard]] const Communicator& comm() const { return *comm_; }
  [[nodiscard]] std::int64_t n() const { return n_; }
  [[nodiscard]] Share rows() const { return rows_; }

  /// This rank's rows of k columns of zeros.
  [[nodiscard]] Matrix<double> allocate(std::int64_t k) const;
  /// This rank's rows of a matrix that it holds whole.
  [[nodiscard]] Matrix<double> take(const Matrix<double>& whole) const;
  /// The matrix whole on every rank.
  [[nodiscard]] Matrix<double> whole(MatrixView<const double> mine) const;
  /// A^T B, whole on every rank.
  [[nodiscard]] Matrix<double> inner_products(MatrixView<const double> a,
                                              MatrixView<const double> b) const;
  /// Euclidean lengths of the columns, the same on all ranks. Throws NumericalError on all ranks
  /// when a value is not finite.
  [[nodiscard]] std::vector<double> column_lengths(MatrixView<const double> mine) const;

  /// W -= Q Q^T W.
  void project_out(MatrixView<const double> q, MatrixView<double> w) const;
  /// Makes the columns of W orthonormal to those of Q, which are orthonormal, and to each other,
  /// packed to the front, and returns the positions of those that are kept, at most `most`: those
  /// of which more is left than rounding of vectors as long as `scales`, one for each column.
  std::vector<std::int64_t> orthonormalise(MatrixView<const double> q, Matrix<double>& w,
                                           std::span<const double> scales, std::int64_t most) const;

 private:
  /// A column after the first `count` of W, orthogonalised against these; its length.
  /// @param scratch  at least count values: one allocation for all columns
  double orthogonalise_column(Matrix<double>& w, std::int64_t count, std::int64_t column,
                              Matrix<double>& scratch) const;
  /// The same for columns that are orthonormal but for little, with a single sum over the ranks
  /// (Cholesky QR); the positions of those whose rest is longer than a half.
  [[nodiscard]] std::vector<std::int64_t> orthonormalise_again(MatrixView<double> w) const;

  const Communicator* comm_;
  std::int64_t n_;
  Share rows_;
};

}  // namespace ntkflow
