#pragma once

#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>

namespace ntkflow {

/// Kernel PCA: the directions in feature space along which the training samples vary most, with
/// or without their mean taken off, and how any point is projected on them. Ref: Schoelkopf,
/// Smola, Mueller (1998), Nonlinear component analysis as a kernel eigenvalue problem.
struct PrincipalComponents {
  std::vector<double> eigenvalue;  ///< of K/N, or of H K H / N: the mean square of a projection
  Matrix<double> train;            ///< projections of the training samples, sqrt(lambda) v, [N x k]
  /// v / sqrt(lambda), [N x k]: the projection of x is kappa(x)^T weights - offset, with kappa(x)
  /// its kernels with the training samples.
  Matrix<double> weights;
  std::vector<double> offset;  ///< [k]
};

/// Components from eigenpairs of K or of H K H. Those whose eigenvalue is zero to rounding project
/// everything on 0. An eigenvector's sign is chosen so that its largest component is positive.
/// Local.
///
/// For centred features the projection is
/// (kappa(x) - mean_j k(x, x_j) - K 1/N + 1^T K 1/N^2)^T v / sqrt(lambda); v has the mean zero, so
/// that (kappa(x) - K 1/N)^T v / sqrt(lambda) is left.
///
/// @param values   of the pairs, not divided by N, descending
/// @param vectors  [N x k], whole
/// @param levels   up to which each eigenvalue is zero to its error, [k]
/// @param means    K 1 / N where the features are centred, else empty
PrincipalComponents principal_components(std::span<const double> values, Matrix<double> vectors,
                                         std::span<const double> levels,
                                         std::span<const double> means);

/// products - 1 offset^T, the projections of points. Local. @param products  kappa^T weights, [M x
/// k]
Matrix<double> projections(const PrincipalComponents& components, Matrix<double> products);

}  // namespace ntkflow
