#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/gram/kernel_samples.hpp>
#include <ntkflow/gram/tiles.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

/// Which part of a symmetric matrix is filled.
enum class Triangle { lower, both };

/// Kernel values between two sets of samples, block-cyclic over a process grid: which rank
/// evaluates what, and how. Nothing is stored but the samples that this rank's rows and columns
/// need; kernel values are evaluated tile by tile when a member asks for them, beside tile buffers
/// of `kTileBytes` per rank.
template <class Real>
class KernelMatrix {
 public:
  /// Memory of a tile buffer on each rank.
  static constexpr std::int64_t kTileBytes =
      kTileRows * kTileCols * static_cast<std::int64_t>(sizeof(Real));

  /// @param rows  samples at the positions of row_map, in its local order; likewise cols. Local.
  KernelMatrix(std::shared_ptr<const ProcessGrid> grid,
               std::shared_ptr<const KernelEvaluator<Real>> evaluator, KernelType type,
               BlockCyclic row_map, std::shared_ptr<const KernelSamples<Real>> rows,
               BlockCyclic col_map, std::shared_ptr<const KernelSamples<Real>> cols);

  /// The other kernel of the same network between the same samples, which both share. Local.
  [[nodiscard]] KernelMatrix of_type(KernelType type) const {
    KernelMatrix other = *this;
    other.type_ = type;
    return other;
  }

  [[nodiscard]] const std::shared_ptr<const ProcessGrid>& grid() const { return grid_; }
  [[nodiscard]] std::int64_t rows() const { return row_map_.size(); }
  [[nodiscard]] std::int64_t cols() const { return col_map_.size(); }
  [[nodiscard]] std::int64_t block() const { return row_map_.block(); }

  /// The symmetric matrix of one set of samples with itself; the strict upper triangle is zero with
  /// Triangle::lower, for which each pair is evaluated once. Its diagonal comes from the norms
  /// alone. Collective over the grid.
  /// @pre both axes hold the same samples.
  [[nodiscard]] DistMatrix<Real> assemble_symmetric(Triangle triangle, Monitor& monitor) const;

  /// The lower triangle of the symmetric matrix, evaluated in Real and stored rounded to single
  /// precision; zero above. Collective over the grid.
  /// @pre both axes hold the same samples.
  [[nodiscard]] DistMatrix<float> assemble_rounded(Monitor& monitor) const;

  /// The symmetric matrices, both triangles, of the networks of depth 1, 2, ... up to the
  /// evaluator's. All are held at once. Collective over the grid.
  /// @pre both axes hold the same samples.
  [[nodiscard]] std::vector<DistMatrix<Real>> assemble_symmetric_by_depth(Monitor& monitor) const;

  /// The same into matrices [n x n] of the grid and of this kernel's block: one, or one per depth.
  /// With Triangle::lower only tiles that reach the lower triangle are written. Collective over the
  /// grid.
  void fill_symmetric(std::span<DistMatrix<Real>> matrices, Triangle triangle,
                      Monitor& monitor) const;

  /// Columns [begin, end) of the whole rectangular matrix. Collective over the grid.
  /// @pre begin is a multiple of grid columns x block, so that blocks stay with their ranks.
  [[nodiscard]] DistMatrix<Real> assemble_columns(std::int64_t begin, std::int64_t end) const;

  /// K X of the symmetric matrix, X [n x k] given and returned whole on every rank; each pair is
  /// evaluated once and used for both of its rows. Sums in Real inside a tile, in double over
  /// tiles. Collective over the grid.
  /// @pre both axes hold the same samples.
  [[nodiscard]] Matrix<double> multiply_symmetric(const Matrix<double>& x, Monitor& monitor) const;

  /// K^T X of the rectangular matrix: X [rows x k] whole on every rank, result [cols x k] likewise.
  /// With training samples as rows and test samples as columns these are predictions from
  /// coefficients. Collective over the grid.
  [[nodiscard]] Matrix<double> multiply_transposed(const Matrix<double>& x, Monitor& monitor) const;

  /// K(x, x) of all column samples, on every rank. Collective over the grid.
  [[nodiscard]] std::vector<double> column_diagonal() const;

 private:
  // One matrix per depth is filled at once: that of the evaluator's depth alone, or those of depth
  // 1, 2, ... up to it.

  /// Depth of the first of so many matrices.
  [[nodiscard]] int first_depth(std::size_t matrices) const {
    return evaluator_->architecture().depth - static_cast<int>(matrices) + 1;
  }
  /// Kernels of the local columns' samples with themselves.
  [[nodiscard]] const Real* diagonal(int depth) const {
    const SampleVariances<Real>& cols = col_samples_->variances();
    return type_ == KernelType::ntk ? cols.ntk(depth) : cols.layer(depth);
  }
  [[nodiscard]] std::vector<DistMatrix<Real>> assemble(std::size_t depths, Triangle triangle,
                                                       Monitor& monitor) const;
  /// Kernel values of the pairs of local rows from `row` on and local columns from `col` on. Local.
  void evaluate_tile(std::int64_t row, std::int64_t col,
                     std::span<const MatrixView<Real>> out) const;
  /// Turns the products that the last of `parts` holds, of at most kStrip columns, into kernels.
  void turn_into_kernels(std::int64_t row, std::int64_t col,
                         std::span<const MatrixView<Real>> parts) const;
  /// Replaces element (i, k) of `parts`, of a pair of nearly parallel samples in local row and
  /// column, by what the samples themselves give.
  void replace_near(std::int64_t row, std::int64_t col, std::int64_t i, std::int64_t k,
                    std::span<const MatrixView<Real>> parts) const;
  void set_diagonal(std::int64_t row, std::int64_t col,
                    std::span<const MatrixView<Real>> tiles) const;

  std::shared_ptr<const ProcessGrid> grid_;
  std::shared_ptr<const KernelEvaluator<Real>> evaluator_;
  KernelType type_;
  BlockCyclic row_map_;
  BlockCyclic col_map_;
  std::shared_ptr<const KernelSamples<Real>> row_samples_;
  std::shared_ptr<const KernelSamples<Real>> col_samples_;
};

/// The symmetric kernel matrix as an operator for algorithms that know products alone.
class KernelOperator : public LinearOperator {
 public:
  /// `kernel` and `monitor` must outlive the operator. Local.
  KernelOperator(const KernelMatrix<double>& kernel, Monitor& monitor)
      : kernel_(&kernel), monitor_(&monitor) {}

  [[nodiscard]] std::int64_t size() const override { return kernel_->rows(); }
  [[nodiscard]] Matrix<double> apply(const Matrix<double>& x) const override {
    return kernel_->multiply_symmetric(x, *monitor_);
  }

 private:
  const KernelMatrix<double>* kernel_;
  Monitor* monitor_;
};

extern template class KernelMatrix<float>;
extern template class KernelMatrix<double>;

}  // namespace ntkflow
