#include "limiting_kernel.hpp"

#include <algorithm>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/norm_range.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>

namespace ntkflow {

namespace {

constexpr std::int64_t kBlock = 64;

KernelMatrix<double> kernel_matrix(const std::shared_ptr<const ProcessGrid>& grid,
                                   const Architecture& architecture, KernelType type,
                                   const Matrix<double>& x, const Matrix<double>& y) {
  const auto evaluator = std::make_shared<const KernelEvaluator<double>>(
      architecture, x.rows(), join(norm_range(x.view()), norm_range(y.view())));
  const auto rows = std::make_shared<const KernelSamples<double>>(*evaluator, x.clone());
  const auto cols = std::make_shared<const KernelSamples<double>>(*evaluator, y.clone());
  return {grid, evaluator,
          type, BlockCyclic(x.cols(), kBlock, 1, 0),
          rows, BlockCyclic(y.cols(), kBlock, 1, 0),
          cols};
}

}  // namespace

LimitingKernel::LimitingKernel(const Architecture& architecture)
    : architecture_(architecture), grid_(ProcessGrid::create(Communicator::self(), {1, 1})) {}

DistMatrix<double> LimitingKernel::of(KernelType type, const Matrix<double>& x) const {
  return kernel_matrix(grid_, architecture_, type, x, x)
      .assemble_symmetric(Triangle::both, silent_monitor());
}

std::vector<double> LimitingKernel::diagonal(KernelType type, const Matrix<double>& x) const {
  return kernel_matrix(grid_, architecture_, type, x, x).column_diagonal();
}

DistMatrix<double> LimitingKernel::between(KernelType type, const Matrix<double>& x,
                                           const Matrix<double>& y) const {
  return kernel_matrix(grid_, architecture_, type, x, y).assemble_columns(0, y.cols());
}

Matrix<double> whole(const DistMatrix<double>& matrix) {
  NTKFLOW_EXPECTS(matrix.grid()->comm().size() == 1);
  Matrix<double> copy(matrix.rows(), matrix.cols());
  std::copy_n(matrix.local().data, copy.size(), copy.data());
  return copy;
}

}  // namespace ntkflow
