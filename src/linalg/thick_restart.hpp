#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

#include "shared_rows.hpp"

namespace ntkflow {

/// The largest Ritz pairs of a symmetric matrix projected on a space.
struct RitzPairs {
  std::vector<double> values;  ///< descending
  Matrix<double> vectors;      ///< of the space's coordinates, whole on every rank
};

/// The `count` largest eigenpairs of H [m x m], lower triangle read, the same bits on all ranks:
/// rank 0 finds them. Collective over comm.
RitzPairs largest_pairs(const Communicator& comm, MatrixView<const double> h, std::int64_t count);

/// The first columns of Q become Q Y for Y [m x k] whole on every rank, with m the rows of Y and k
/// at most m; the others are left. Rows are worked on in panels, so that it takes no second matrix.
/// Local.
void combine_in_place(Matrix<double>& q, MatrixView<const double> y);

/// How large a run of ThickRestartLanczos is.
struct LanczosSize {
  std::int64_t count;     ///< pairs wanted
  std::int64_t block;     ///< columns of one product
  std::int64_t kept;      ///< Ritz vectors that a restart keeps, at least `count`
  std::int64_t capacity;  ///< columns of the basis, at least kept + 8 blocks, or n
};

/// Thick-restart block Lanczos for the largest eigenpairs of a symmetric matrix A.
///
/// The basis is [Q P]: A was applied to Q, and P is the block that comes next, so that
/// A Q = Q H + P C. H and C are found by full orthogonalisation, twice, and hold whatever the past
/// of the space: after a restart Q are Ritz vectors, H is diagonal and C full. Where a product adds
/// fewer directions than the block has columns, random ones fill it: an exhausted space
/// goes on with the rest of R^n, and with it come the copies of a multiple eigenvalue that a block
/// with fewer columns cannot see. Ref: Golub, Underwood (1977); Wu, Simon (2000).
class ThickRestartLanczos {
 public:
  /// The operator and what `rows` and the monitor refer to must outlive the object. Collective over
  /// the communicator of `rows`, as are all members but the getters.
  ThickRestartLanczos(const SharedRows& rows, const LinearOperator& a, const LanczosSize& size,
                      std::uint64_t seed, Monitor& monitor);

  /// Grows and restarts the space until the residuals that the recurrence gives for the wanted
  /// pairs are below tolerance x largest value and a fresh random block finds no other pair among
  /// them; or until it has restarted too often, which residuals will show.
  void run(double tolerance);

  /// Of the pairs that were found: those wanted and others beyond, descending.
  [[nodiscard]] const std::vector<double>& values() const { return ritz_.values; }
  /// Their vectors, this rank's rows of [n x values().size()], to be moved from.
  [[nodiscard]] Matrix<double> take_vectors();

  [[nodiscard]] std::int64_t restarts() const { return restarts_; }

 private:
  /// Multiplies P, which joins Q, and finds the next P.
  void step();
  /// Steps until the basis has no room or no direction is left, but at most so often.
  void grow(std::int64_t most_steps);
  /// The Ritz pairs of Q and which of them have converged.
  void project();
  /// Q become the Ritz vectors; P stays.
  void restart();
  /// P becomes what W holds beyond Q, up to the size of a block, then random directions.
  void set_pending(Matrix<double> w, std::span<const double> scales);

  [[nodiscard]] MatrixView<const double> columns(std::int64_t begin, std::int64_t count) const;
  [[nodiscard]] bool is_whole_space() const { return multiplied_ == rows_.n(); }

  SharedRows rows_;
  const LinearOperator* a_;
  LanczosSize size_;
  std::uint64_t seed_;
  Monitor* monitor_;
  Matrix<double> basis_;       ///< [Q P], local rows, size_.capacity columns
  Matrix<double> projection_;  ///< H, [capacity x capacity]
  Matrix<double> coupling_;    ///< C, [block x capacity]
  std::int64_t multiplied_ = 0;
  std::int64_t pending_ = 0;
  double scale_ = 0.0;             ///< longest image so far of a unit vector
  std::uint64_t random_used_ = 0;  ///< columns of random numbers
  double tolerance_ = 0.0;
  RitzPairs ritz_;
  std::int64_t converged_ = 0;  ///< of the wanted pairs, from the first on
  std::int64_t restarts_ = 0;
};

}  // namespace ntkflow
