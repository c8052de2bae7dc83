#pragma once

#include <memory>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/dist/process_grid.hpp>
#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// The limiting kernels of few samples, whole on this rank: distributed matrices on a grid of this
/// rank alone, so that every member is Local.
class LimitingKernel {
 public:
  explicit LimitingKernel(const Architecture& architecture);

  /// Kernel of the samples x [d x n] with themselves, [n x n], both triangles.
  [[nodiscard]] DistMatrix<double> of(KernelType type, const Matrix<double>& x) const;
  /// Kernel of each sample of x [d x n] with itself, n values.
  [[nodiscard]] std::vector<double> diagonal(KernelType type, const Matrix<double>& x) const;
  /// Kernel of x [d x m] with y [d x n], [m x n].
  [[nodiscard]] DistMatrix<double> between(KernelType type, const Matrix<double>& x,
                                           const Matrix<double>& y) const;

 private:
  Architecture architecture_;
  std::shared_ptr<const ProcessGrid> grid_;
};

/// A matrix of a grid of one rank. Local.
Matrix<double> whole(const DistMatrix<double>& matrix);

}  // namespace ntkflow
