#pragma once

#include <cstdint>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/dynamics/training_rule.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

namespace ntkflow {

/// Training under a kernel that this rank holds whole: the limiting kernel of a few samples, or the
/// empirical kernel of a network of finite width, which is that network linearised around its
/// parameters. With C outputs the latter couples them: its rows are pairs of output and sample.
/// After training
///
///     f(x) = f_0(x) + kappa(x)^T A,   A = phi(K) (y - f_0(X)),
///
/// with the phi of a TrainingRule. As in GradientFlow, modes that are zero
/// to rounding do not move. All members are Local. Ref: Lee et al. (2019), equations 8 to 11.
class LocalFlow {
 public:
  /// @param kernel   K, [n x n], lower triangle read
  /// @param samples  N, over which the cost is averaged: n, or n / C
  LocalFlow(MatrixView<const double> kernel, std::int64_t samples);

  /// lambda_max of K / N: descent is stable for learning rates below 2 / lambda_max.
  [[nodiscard]] double lambda_max() const;
  /// Eigensystem of K.
  [[nodiscard]] const LocalEigenSystem& eigen() const noexcept { return eigen_; }

  /// phi(K) R with the phi of a rule at a point of training; infinite where that overflows. R [n x
  /// k].
  [[nodiscard]] Matrix<double> train(const Matrix<double>& r, const TrainingRule& rule,
                                     double point) const;
  /// The same for gradient flow over time t, which may be infinite.
  [[nodiscard]] Matrix<double> flow(const Matrix<double>& r, double t) const;
  /// The same for `steps` steps of gradient descent.
  [[nodiscard]] Matrix<double> descent(const Matrix<double>& r, double learning_rate,
                                       std::int64_t steps) const;

 private:
  std::int64_t samples_;
  LocalEigenSystem eigen_;
};

}  // namespace ntkflow
