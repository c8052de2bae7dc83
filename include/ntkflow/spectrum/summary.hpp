#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

/// What the eigensystem of the operator Pi = K/N says about learning.
struct SpectrumSummary {
  std::vector<double> eigenvalue;  ///< of K/N, descending
  std::vector<double>
      target_energy;  ///< squared norm of y - f_0 along each eigenvector, summed over outputs, / N
  double max_learning_rate = 0.0;    ///< 2 / lambda_max of K/N: gradient descent is stable below it
  double effective_dimension = 0.0;  ///< sum of lambda / (lambda + ridge) over the eigenvalues of K
  double residual = 0.0;             ///< max over probes of |K V p - V Lambda p| / (lambda_max |p|)
  double orthogonality = 0.0;        ///< max over probes of |V^T V p - p| / |p|
};

/// N eps lambda_max: eigenvalues of K up to this are zero to rounding, and their eigenvectors span
/// the null space. Local.
double rounding_level(const EigenSystem<double>& eigen);

/// S = V^T R, the modes of R. Collective over the grid. @param r [N x C] whole on every rank.
/// @return [N x C] likewise, row i belongs to eigenvalue i of `eigen` (ascending).
Matrix<double> modes_of(const EigenSystem<double>& eigen, const Matrix<double>& r);

/// V W for W [N x k]. Collective over the grid. Both whole on every rank.
Matrix<double> from_modes(const EigenSystem<double>& eigen, const Matrix<double>& w);

/// Summarises an eigensystem of K. Residual and orthogonality are certified with `kProbes` seeded
/// Gaussian vectors p, at the cost of one product with K and without a second N x N matrix.
/// Collective over the grid.
/// @param modes  modes_of(eigen, y - f_0)
/// @param ridge  absolute
inline constexpr std::int64_t kProbes = 8;
SpectrumSummary summarise_spectrum(const EigenSystem<double>& eigen, const LinearOperator& k,
                                   const Matrix<double>& modes, double ridge);

}  // namespace ntkflow
