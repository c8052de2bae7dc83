#pragma once

#include <cstdint>
#include <variant>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/linalg/linear_operator.hpp>
#include <ntkflow/linalg/options.hpp>

namespace ntkflow {

/// The smallest squared diagonal element of a factor, L(index, index)^2, which is the Schur
/// complement of that sample given those before it. `index` is 0-based.
struct Pivot {
  double value = 0.0;
  std::int64_t index = 0;
};

/// The factorisation stopped: the leading minor of this order (1-based) is not positive, or not a
/// number.
struct NotPositiveDefinite {
  std::int64_t order = 0;
  double norm = 0.0;  // ||A||_1 of the matrix before factoring
};

/// A = L L^T, L stored in the lower triangle of a block-cyclic matrix; the strict upper triangle
/// holds what A had there.
template <class Real>
class CholeskyFactor {
 public:
  /// Takes a factored matrix and ||A||_1. Used by factor_cholesky.
  CholeskyFactor(DistMatrix<Real> factor, double norm);

  [[nodiscard]] const DistMatrix<Real>& matrix() const noexcept { return factor_; }

  /// A^-1 B for B [n x k], given and returned whole on every rank. Solved in Real, each column
  /// scaled by a power of two, so that neither tiny nor huge ones leave its range. Collective over
  /// the grid. Cost: reads the factor twice per 64 columns.
  [[nodiscard]] Matrix<double> solve(const Matrix<double>& b) const;
  /// X becomes A^-1 X, in Real, for the many columns of a block-cyclic matrix [n x k] of the
  /// factor's grid and block size. Collective over the grid. Cost: 2 n^2 k flop, by p?gemm on block
  /// columns of the factor: with n = 4,000 and k = 2,000 on one and two processes p?trsm on the
  /// whole took 1.1 to 5 times as long, most on 1 x 2 processes.
  void solve_in_place(DistMatrix<Real>& x) const;
  /// X becomes L X. Collective over the grid.
  void multiply_lower(DistMatrix<Real>& x) const;
  /// log det A, accumulated in double. Collective over the grid.
  [[nodiscard]] double log_determinant() const;
  /// The first of the smallest ones; n must not be 0. Collective over the grid.
  [[nodiscard]] Pivot smallest_pivot() const;
  /// Estimate of 1 / (||A||_1 ||A^-1||_1) from at most 11 solves, never below the true value but
  /// for rounding, seldom above three times it (Higham 1988); 0 where it overflows. Collective over
  /// the grid.
  [[nodiscard]] double reciprocal_condition() const;
  /// ||A||_1 of the matrix before factoring.
  [[nodiscard]] double norm() const noexcept { return norm_; }

 private:
  DistMatrix<Real> factor_;
  double norm_;
};

/// A^-1 by solves with the factor of A, which must outlive it.
template <class Real>
class CholeskyInverse : public LinearOperator {
 public:
  explicit CholeskyInverse(const CholeskyFactor<Real>& factor) : factor_(&factor) {}

  [[nodiscard]] std::int64_t size() const override { return factor_->matrix().rows(); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    return factor_->solve(x);
  }

 private:
  const CholeskyFactor<Real>* factor_;
};

/// Factors a symmetric positive definite matrix as A = L L^T. Collective over a.grid()->comm().
///
/// @param a        [n x n], lower triangle read; consumed, its storage becomes the factor. The
///                 strict upper triangle keeps what it holds, also when factoring fails.
/// @param method   automatic means lookahead. With ntkflow_bench_cholesky on 1 and 2 processes in
///                 both precisions p?potrf took as long at n = 500, 1.1 times as long at n = 1,000
///                 and 1.3 to 1.7 times at n = 12,000.
/// @param monitor  told the progress at every panel of the look-ahead routine, and asked there
///                 whether to stop, on the rank that holds the panel's diagonal block;
///                 InterruptedError on all ranks if so. p?potrf can do neither.
/// @return   the factor, or the order of the first leading minor that is not positive; the same on
/// all ranks. A NaN in A, which LAPACK passes over in silence, is reported as the first minor that
/// it spoils.
/// Throws ResourceError (on all ranks) when a rank's part exceeds the 2^31 elements that ScaLAPACK
/// can index, or when memory for the panels (lookahead_workspace_bytes) is short. Cost: n^3/3 flop.
/// Ref: Blackford et al., ScaLAPACK Users' Guide (1997).
template <class Real>
std::variant<CholeskyFactor<Real>, NotPositiveDefinite> factor_cholesky(
    DistMatrix<Real> a, Factorization method = Factorization::automatic,
    Monitor& monitor = silent_monitor());

/// Bytes that the look-ahead routine takes beside the matrix on the neediest rank: two panels of
/// its rows, one of its columns (two where there are several process rows) and a diagonal block.
/// @param real_bytes  4 or 8, of the matrix's precision. Local.
std::int64_t lookahead_workspace_bytes(std::int64_t n, std::int64_t block, GridShape grid,
                                       std::int64_t real_bytes);

/// Throws the ResourceError of factor_cholesky, with a number of ranks that would do, if a matrix
/// of this order were too large for it. Local.
void check_cholesky_size(std::int64_t n, std::int64_t block, GridShape grid);

/// The block size used when the user names none: 256 where every process row and column has at
/// least 16 such blocks to balance, else 128, less where n would leave fewer than four blocks, in
/// multiples of 16. Local.
///
/// It is the width of a Cholesky panel. Wide ones give the updates more work per word moved and
/// send fewer messages, narrow ones are shared out more evenly. Measured with
/// ntkflow_bench_cholesky (OpenBLAS 0.3.21, AVX-512): on one process blocks of 128 to 512 lay
/// within 4 % of each other at n = 6,000; on 1 x 2 blocks of 256 were 5 % ahead of 128 at n = 8,000
/// and level at n = 4,000. p?syevd does not like wide ones: of order 2,000 on 1 x 2 processes it
/// took 1.7 times longer with 256 than with 128.
std::int64_t automatic_block_size(std::int64_t n, GridShape grid);

extern template class CholeskyFactor<float>;
extern template class CholeskyFactor<double>;

}  // namespace ntkflow
