#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/linalg/block_krylov.hpp>
#include <ntkflow/linalg/linear_operator.hpp>
#include <ntkflow/linalg/local_eigen.hpp>
#include <ntkflow/regression/ridge_path.hpp>

namespace ntkflow {

/// When the space of a ridge path is large enough.
struct KrylovRidgeOptions {
  /// |r - (K + mu I) alpha| over |r|, largest over outputs, at every ridge: bounds the error of the
  /// fit on the training set in the 2-norm.
  double tolerance = 1e-10;
  std::int64_t most_columns = 0;  ///< the basis never has more
};

/// How a ridge path was built; the same on all ranks.
struct KrylovRidgeReport {
  std::int64_t dimension = 0;  ///< of the space
  std::int64_t products = 0;   ///< applications of K, to one block each
  /// Whether the tolerance, or rounding, was reached at every ridge, and the scores had stopped
  /// changing beside their standard errors; or the space is the whole.
  bool converged = false;
  // Wall time, the maximum over the ranks.
  double product_seconds = 0.0;
  double orthogonalisation_seconds = 0.0;
  double estimate_seconds = 0.0;
};

/// Probes of a ridge path, and the most vectors that its basis should have with them. Local.
inline constexpr std::int64_t kTraceProbes = 16;
std::int64_t ridge_path_most_columns(std::int64_t n, std::int64_t outputs);

/// Random signs, whose quadratic forms z^T f(K) z have the mean tr f(K) and of all independent
/// entries the least variance (Hutchinson 1990): [n x count], a function of row and column alone.
/// Local.
Matrix<double> trace_probes(std::int64_t n, std::int64_t count);

/// Kernel regression with many ridges from one block Krylov space of products with K, which starts
/// with r = y - f_0(X) and the probes:
///
///     alpha = Q (H + mu I)^-1 Q^T r,   H = Q^T K Q.
///
/// Traces and log determinants are means over the probes of quadratic forms that the same space
/// gives as Gauss rules (stochastic Lanczos quadrature), with standard errors. The diagonal of the
/// inverse is not among what a space knows: leave-one-out errors are not available. Nor is any
/// criterion where a Ritz value plus mu is zero to rounding, as in SpectralRidgePath. Without an
/// inverse small ridges need large spaces: about sqrt(lambda_max / mu) blocks.
/// Ref: Ubaru, Chen, Saad (2017); Golub, Meurant (1994), Matrices, moments and quadrature.
class KrylovRidgePath {
 public:
  /// Collective over comm and the operator's ranks; neither is used after this.
  ///
  /// @param residual  r, [N x C], whole on every rank
  /// @param probes    z, [N x p], likewise. Means are over z^T f(K) z N / z^T z: N orthonormal
  ///                  columns make them exact
  /// @param ridges    absolute, not negative, at least one
  /// InterruptedError on all ranks when the monitor asks to stop.
  KrylovRidgePath(const Communicator& comm, const LinearOperator& k, const Matrix<double>& residual,
                  const Matrix<double>& probes, std::vector<double> ridges,
                  const KrylovRidgeOptions& options, Monitor& monitor);

  /// alpha, as SpectralRidgePath gives it. Collective over comm.
  [[nodiscard]] Matrix<double> coefficients(std::span<const double> ridges) const;
  /// Of each ridge; leave-one-out is not available.
  [[nodiscard]] const std::vector<RidgeScore>& scores() const { return scores_; }
  /// Standard errors of the scores that come from probes.
  [[nodiscard]] const std::vector<RidgeScore>& standard_errors() const { return errors_; }
  /// What the option `tolerance` bounds, at each ridge.
  [[nodiscard]] const std::vector<double>& residual_error() const { return residual_error_; }
  [[nodiscard]] const KrylovRidgeReport& report() const { return report_; }

 private:
  /// H with its eigensystem, and the start in its eigenvectors; the same on all ranks.
  struct Projected {
    LocalEigenSystem eigen;
    Matrix<double> modes;  ///< of residual and probes, [m x (C + p)]
  };
  /// Ritz values plus mu up to this one are zero to rounding.
  [[nodiscard]] double null_level() const;
  [[nodiscard]] Projected project() const;
  /// Q^T alpha, [m x (R C)].
  [[nodiscard]] Matrix<double> coordinates(std::span<const double> ridges) const;
  /// |r - (K + mu I) alpha|^2 by ridge and output, [R x C]. @param tail  see last_images. Local.
  [[nodiscard]] Matrix<double> squared_residuals(const Matrix<double>& y,
                                                 const Matrix<double>& tail) const;
  /// W^T W of W = (I - Q Q^T) K Q, of the columns of Q from `begin` on: only the last blocks lead
  /// out of the space.
  [[nodiscard]] Matrix<double> last_images(std::int64_t begin) const;
  /// Whether the space may stay as it is. @param before  scores when it was last looked at, or none
  [[nodiscard]] bool is_enough(std::span<const RidgeScore> before, double tolerance) const;
  /// Scores, standard errors and residuals with the space as it stands.
  void evaluate(std::int64_t last_begin);
  /// The same from coordinates(ridges) and last_images. Local.
  void score(const Matrix<double>& y, const Matrix<double>& tail);

  const Communicator* comm_;
  std::int64_t n_;
  std::int64_t outputs_;
  std::vector<double> ridges_;
  std::vector<double> lengths_;  ///< |r| of each output
  BlockKrylov space_;
  Projected projected_;
  std::vector<RidgeScore> scores_;
  std::vector<RidgeScore> errors_;
  std::vector<double> residual_error_;
  KrylovRidgeReport report_;
};

}  // namespace ntkflow
