#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

/// N eps lambda_max: eigenvalues of K up to this are zero to rounding, and their eigenvectors span
/// the null space. Local.
double rounding_level(std::int64_t n, double lambda_max);
double rounding_level(const EigenSystem<double>& eigen);

/// S = V^T R, the modes of R. Collective over the grid. @param r [N x C] whole on every rank.
/// @return [N x C] likewise, row i belongs to eigenvalue i of `eigen` (ascending).
Matrix<double> modes_of(const EigenSystem<double>& eigen, const Matrix<double>& r);

/// V W for W [N x k]. Collective over the grid. Both whole on every rank.
Matrix<double> from_modes(const EigenSystem<double>& eigen, const Matrix<double>& w);

/// The `count` leading eigenvectors [N x count], by falling eigenvalue, whole on every rank.
/// Collective over the grid.
Matrix<double> leading_vectors(const EigenSystem<double>& eigen, std::int64_t count);

/// Products with V Lambda V^T, where nothing but its eigensystem is kept of a matrix; it must
/// outlive the operator.
class EigenOperator : public LinearOperator {
 public:
  explicit EigenOperator(const EigenSystem<double>& eigen) : eigen_(&eigen) {}

  [[nodiscard]] std::int64_t size() const override { return eigen_->vectors.rows(); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override;

 private:
  const EigenSystem<double>* eigen_;
};

/// How good an eigensystem is, measured on random vectors p.
struct EigenCertificate {
  /// max over probes of |K V p - V Lambda p| / (lambda_max |p|), of K = 0 without lambda_max
  double residual = 0.0;
  double orthogonality = 0.0;  ///< max over probes of |V^T V p - p| / |p|
};

/// Certifies an eigensystem of K with `kProbes` seeded Gaussian vectors, at the cost of one product
/// with K and without a second N x N matrix. Collective over the grid.
inline constexpr std::int64_t kProbes = 8;
EigenCertificate certify(const EigenSystem<double>& eigen, const LinearOperator& k);

}  // namespace ntkflow
