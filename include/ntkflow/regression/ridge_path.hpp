#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/regression/options.hpp>

namespace ntkflow {

/// What the training set alone says of one ridge mu, with A = K + mu I, r = y - f_0(X) and
/// alpha = A^-1 r. NaN: not available.
struct RidgeScore {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  double train_mse = kNone;  ///< mean over samples and outputs of (f - y)^2
  /// The same of the fits that leave out the sample at which they are looked at:
  /// alpha_i / (A^-1)_ii is their error there. Ref: Allen (1974); Rasmussen, Williams (2006), 5.12.
  double leave_one_out_mse = kNone;
  double leave_one_out_accuracy = kNone;  ///< of classification
  /// N |A^-1 r|^2 / tr(A^-1)^2, mean over outputs. Ref: Golub, Heath, Wahba (1979).
  double gcv = kNone;
  /// log p(r) under r ~ N(0, A), summed over outputs, and its derivative in mu,
  /// (|alpha|^2 - C tr A^-1) / 2. Ref: Rasmussen, Williams (2006), 2.30 and 5.9.
  double log_marginal_likelihood = kNone;
  double log_marginal_likelihood_gradient = kNone;
  double effective_dimension = kNone;  ///< tr K A^-1
  double coefficient_norm = kNone;     ///< |alpha|, over all outputs together
};

/// Sums over eigenvalues, of which the scores that need them are made.
struct RidgeSums {
  double trace_inverse = 0.0;        ///< tr A^-1
  double log_determinant = 0.0;      ///< of A
  double effective_dimension = 0.0;  ///< tr K A^-1
};

/// gcv, likelihood, its gradient and the effective dimension. Local.
/// @param fitted  r^T alpha, summed over the C outputs
RidgeScore score_of_sums(const RidgeSums& sums, double fitted, double coefficient_norm,
                         std::int64_t n, std::int64_t outputs);

/// Position of the ridge that a criterion prefers: the least error, or the greatest likelihood; the
/// first of several that are alike. Ridges at which the criterion is not a finite number are left
/// out; nothing where it is so at all. Local.
std::optional<std::size_t> best_ridge(std::span<const RidgeScore> scores, RidgeCriterion criterion);

/// Kernel regression with many ridges from one eigensystem. As in GradientFlow, modes whose
/// lambda + mu is zero to rounding (<= N eps lambda_max) have no part in the coefficients. A is
/// singular then, so that no criterion is available: leaving a sample out has no closed form, and
/// the density of y does not exist.
class SpectralRidgePath {
 public:
  /// @param eigen     of K; must outlive the path
  /// @param residual  r = y - f_0(X), [N x C], whole on every rank. Collective over the grid of
  /// eigen.
  SpectralRidgePath(const EigenSystem<double>& eigen, const Matrix<double>& residual);

  /// alpha for several ridges, C columns for each, [N x (R C)], whole on every rank. Collective
  /// over the grid.
  /// @param ridges  absolute
  [[nodiscard]] Matrix<double> coefficients(std::span<const double> ridges) const;

  /// The scores of all ridges. diag A^-1 of all of them comes from one pass over the local part of
  /// the eigenvectors, [local rows x R] values. Collective over the grid.
  ///
  /// @param target           y, [N x C], whole on every rank: with the errors it gives the answers
  /// @param label            classes of the samples, or empty: no accuracy
  /// @param ridges_per_pass  ridges whose coefficients are held at once
  [[nodiscard]] std::vector<RidgeScore> scores(std::span<const double> ridges,
                                               const Matrix<double>& target,
                                               std::span<const std::int64_t> label,
                                               std::int64_t ridges_per_pass) const;

 private:
  /// Whether A has modes that are zero to rounding.
  [[nodiscard]] bool is_singular(double ridge) const;
  /// 1 / (lambda_j + mu), zero in the null space.
  [[nodiscard]] double filter(std::int64_t j, double ridge) const;
  [[nodiscard]] RidgeScore score_of_modes(double ridge) const;
  /// (A^-1)_ii for the local rows and all ridges, [local rows x R], the same on all ranks of a grid
  /// row. Collective over the grid.
  [[nodiscard]] Matrix<double> inverse_diagonals(std::span<const double> ridges) const;
  void add_leave_one_out(std::span<const double> ridges, const Matrix<double>& target,
                         std::span<const std::int64_t> label, std::int64_t ridges_per_pass,
                         std::span<RidgeScore> scores) const;

  const EigenSystem<double>* eigen_;
  Matrix<double> modes_;  ///< of the residual, row j for the ascending eigenvalue j
};

}  // namespace ntkflow
