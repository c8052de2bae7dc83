#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

/// An orthonormal basis Q of a block Krylov space of a symmetric matrix A, and A projected on it.
///
/// Two chains of blocks grow side by side: polynomial blocks A S, A^2 S, ... from the start S and,
/// where an inverse is given, inverse blocks A^-1 S, A^-2 S, ... One product with A serves the new
/// blocks of both chains. Each block is orthogonalised twice against the whole basis; columns that
/// depend on others to rounding are left out for good, so that dependent start columns, a zero
/// start and an exhausted space need no special care. The inverse may be as approximate as it
/// likes: it only proposes directions, and the projection uses products with A alone.
///
/// Rows of Q and A Q are shared contiguously over the communicator; the projection is whole on
/// every rank. Ref: Golub, Underwood (1977), The block Lanczos method; Druskin, Knizhnerman (1998),
/// Extended Krylov subspaces; Simoncini (2007).
class BlockKrylov {
 public:
  /// Starts the space with one block of each chain. Collective over comm and the operators' ranks.
  ///
  /// @param a              [n x n]; it, the communicator and the inverse must outlive the object
  /// @param inverse        near A^-1, or null for products alone
  /// @param start          S [n x k], whole on every rank
  /// @param inverse_start  near A^-1 S, [n x k]; read with an inverse only. A column missing
  /// here would spoil the chain: orthogonalisation mixes all start columns into each inverse block.
  /// @param most_columns   the basis never has more
  /// Memory per rank: (2 n/P + most_columns) x most_columns values, touched as the basis grows.
  ///
  /// This and extend() throw NumericalError on all ranks when a product or a solve gives values
  /// that are not finite.
  BlockKrylov(const Communicator& comm, const LinearOperator& a, const LinearOperator* inverse,
              const Matrix<double>& start, const Matrix<double>& inverse_start,
              std::int64_t most_columns);

  /// Adds the next block of each chain; false when nothing was left to add or no room for it.
  /// Collective.
  bool extend();

  /// Number of basis vectors m.
  [[nodiscard]] std::int64_t dimension() const { return dimension_; }
  /// Whether no direction is left: both chains ended, or the basis has n vectors. To rounding A
  /// then maps the space onto itself, but for the images of inverse blocks when the inverse is
  /// approximate.
  [[nodiscard]] bool exhausted() const { return exhausted_; }
  /// Q^T A Q, [m x m], symmetric, whole on every rank.
  [[nodiscard]] MatrixView<const double> projection() const;
  /// Q^T S, [m x k], whole on every rank.
  [[nodiscard]] MatrixView<const double> start_coordinates() const;

  /// The rows that this rank holds of the two matrices below.
  [[nodiscard]] Share rows() const { return rows_; }
  /// Q and A Q, [rows().size() x m] here.
  [[nodiscard]] MatrixView<const double> basis() const;
  [[nodiscard]] MatrixView<const double> image() const;
  /// Q Y and A Q Y for Y [m x k] whole on every rank; the result [n x k] likewise. Collective.
  [[nodiscard]] Matrix<double> combine(const Matrix<double>& y) const;
  [[nodiscard]] Matrix<double> combine_image(const Matrix<double>& y) const;

  /// How often A and the inverse were applied, to a block each time, and the wall time in them and
  /// in orthogonalisation on this rank.
  [[nodiscard]] std::int64_t products() const { return products_; }
  [[nodiscard]] std::int64_t solves() const { return solves_; }
  [[nodiscard]] double product_seconds() const { return product_seconds_; }
  [[nodiscard]] double solve_seconds() const { return solve_seconds_; }
  [[nodiscard]] double orthogonalisation_seconds() const { return orthogonalisation_seconds_; }

 private:
  /// Basis vectors [begin, begin + count).
  struct Columns {
    std::int64_t begin = 0;
    std::int64_t count = 0;
  };

  [[nodiscard]] MatrixView<const double> columns(Columns which) const;
  /// B Y, whole on every rank, for B of which each rank holds its rows.
  [[nodiscard]] Matrix<double> combine_rows(MatrixView<const double> b,
                                            const Matrix<double>& y) const;
  /// Puts what is new in candidates (local rows), those of the polynomial chain first, into the
  /// basis.
  void append(Matrix<double> candidates, std::int64_t polynomial_count,
              std::span<const double> scales);

  const Communicator* comm_;
  const LinearOperator* a_;
  const LinearOperator* inverse_;
  std::int64_t n_;
  Share rows_;
  std::int64_t capacity_;
  Matrix<double> start_;        ///< local rows
  Matrix<double> basis_;        ///< local rows, capacity_ columns
  Matrix<double> image_;        ///< likewise
  Matrix<double> projection_;   ///< [capacity_ x capacity_]
  Matrix<double> coordinates_;  ///< [capacity_ x k]
  std::int64_t dimension_ = 0;
  Columns polynomial_;  ///< the last block of each chain
  Columns inverted_;
  double polynomial_scale_ = 0.0;  ///< longest column so far that A and the inverse gave
  double inverse_scale_ = 0.0;
  bool exhausted_ = false;
  std::int64_t products_ = 0;
  std::int64_t solves_ = 0;
  double product_seconds_ = 0.0;
  double solve_seconds_ = 0.0;
  double orthogonalisation_seconds_ = 0.0;
};

}  // namespace ntkflow
