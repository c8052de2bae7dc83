#pragma once

#include <memory>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/dist/process_grid.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// The limiting kernels of samples that every rank holds whole, as distributed matrices. On a grid
/// of this rank alone every member is Local, else Collective over the grid.
class LimitingKernel {
 public:
  /// On this rank alone.
  explicit LimitingKernel(const Architecture& architecture);
  /// @param block  of the distribution
  LimitingKernel(const Architecture& architecture, std::shared_ptr<const ProcessGrid> grid,
                 std::int64_t block);

  [[nodiscard]] const std::shared_ptr<const ProcessGrid>& grid() const { return grid_; }
  [[nodiscard]] std::int64_t block() const { return block_; }
  /// As it is evaluated, for products with kernel values that are not stored.
  [[nodiscard]] KernelMatrix<double> matrix(KernelType type, const Matrix<double>& x,
                                            const Matrix<double>& y) const;

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
  std::int64_t block_;
};

/// A matrix of a grid of one rank. Local.
Matrix<double> whole(const DistMatrix<double>& matrix);

}  // namespace ntkflow
