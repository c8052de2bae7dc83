#include "limiting_kernel.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/norm_range.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>

namespace ntkflow {

namespace {

constexpr std::int64_t kBlock = 64;

/// The columns of x that belong to this process.
Matrix<double> own_columns(const BlockCyclic& map, const Matrix<double>& x) {
  Matrix<double> own(x.rows(), map.local_size());
  for (std::int64_t i = 0; i < own.cols(); ++i) {
    std::copy_n(x.column(map.to_global({i}).value), x.rows(), own.column(i));
  }
  return own;
}

}  // namespace

LimitingKernel::LimitingKernel(const Architecture& architecture)
    : LimitingKernel(architecture, ProcessGrid::create(Communicator::self(), {1, 1}), kBlock) {}

LimitingKernel::LimitingKernel(const Architecture& architecture,
                               std::shared_ptr<const ProcessGrid> grid, std::int64_t block)
    : architecture_(architecture), grid_(std::move(grid)), block_(block) {}

KernelMatrix<double> LimitingKernel::matrix(KernelType type, const Matrix<double>& x,
                                            const Matrix<double>& y) const {
  std::optional<KernelMatrix<double>> kernel;
  collectively(grid_->comm(), [&] {
    const auto evaluator = std::make_shared<const KernelEvaluator<double>>(
        architecture_, x.rows(), join(norm_range(x.view()), norm_range(y.view())));
    const BlockCyclic rows(x.cols(), block_, grid_->shape().rows, grid_->row());
    const BlockCyclic cols(y.cols(), block_, grid_->shape().cols, grid_->col());
    const auto samples = [&](const BlockCyclic& map, const Matrix<double>& of) {
      return std::make_shared<const KernelSamples<double>>(*evaluator, own_columns(map, of));
    };
    kernel.emplace(grid_, evaluator, type, rows, samples(rows, x), cols, samples(cols, y));
  });
  return *std::move(kernel);
}

DistMatrix<double> LimitingKernel::of(KernelType type, const Matrix<double>& x) const {
  return matrix(type, x, x).assemble_symmetric(Triangle::both, silent_monitor());
}

std::vector<double> LimitingKernel::diagonal(KernelType type, const Matrix<double>& x) const {
  return matrix(type, x, x).column_diagonal();
}

DistMatrix<double> LimitingKernel::between(KernelType type, const Matrix<double>& x,
                                           const Matrix<double>& y) const {
  return matrix(type, x, y).assemble_columns(0, y.cols());
}

Matrix<double> whole(const DistMatrix<double>& matrix) {
  NTKFLOW_EXPECTS(matrix.grid()->comm().size() == 1);
  Matrix<double> copy(matrix.rows(), matrix.cols());
  std::copy_n(matrix.local().data, copy.size(), copy.data());
  return copy;
}

}  // namespace ntkflow
