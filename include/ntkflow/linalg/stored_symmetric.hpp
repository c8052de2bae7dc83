#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

/// Copies the strict lower triangle of a square matrix into its strict upper one. Collective over
/// the grid.
template <class Real>
void mirror_lower(DistMatrix<Real>& a);

/// Products with the symmetric matrix whose strict upper triangle a block-cyclic matrix holds and
/// whose diagonal is kept beside it, so that a Cholesky factor may live in the lower triangle of
/// the same memory. Sums in double, whatever Real is.
template <class Real>
class StoredSymmetric : public LinearOperator {
 public:
  /// @param upper     [n x n], strict upper triangle read; must outlive the operator.
  /// @param diagonal  n values, whole on every rank. Local.
  StoredSymmetric(const DistMatrix<Real>& upper, std::vector<double> diagonal);

  [[nodiscard]] std::int64_t size() const override;
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override;
  /// |A|_F. Collective over the grid.
  [[nodiscard]] double frobenius_norm() const;

 private:
  const DistMatrix<Real>* upper_;
  std::vector<double> diagonal_;
};

extern template class StoredSymmetric<float>;
extern template class StoredSymmetric<double>;

}  // namespace ntkflow
