#include "shared_kernel.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>
#include <variant>

#include <fmt/format.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/linalg/cholesky.hpp>

namespace ntkflow {

namespace {

constexpr std::int64_t kDouble = 8;
/// Program, libraries and the operands that BLAS packs.
constexpr double kProgramBytes = 36.0 * (1 << 20);
/// Samples of a matrix that no machine holds; up to there sizes stay in 64 bits.
constexpr std::int64_t kTooMany = std::int64_t{1} << 28;

/// p?syevd is slower with wider ones; see automatic_block_size.
constexpr std::int64_t kWidestBlock = 128;

std::int64_t shared_block(std::int64_t n, GridShape grid) {
  return std::min(kWidestBlock, automatic_block_size(n, grid));
}

/// Of n indices those that one of so many processes holds, at most.
std::int64_t largest_share(std::int64_t n, std::int64_t block, int processes) {
  return BlockCyclic(n, block, processes, 0).local_size();
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

std::shared_ptr<const ProcessGrid> shared_grid(const Communicator& comm) {
  return ProcessGrid::create(comm, automatic_grid(comm.size()));
}

LimitingKernel shared_kernel(const Architecture& architecture,
                             const std::shared_ptr<const ProcessGrid>& grid, std::int64_t n) {
  return {architecture, grid, shared_block(n, grid->shape())};
}

RegressionFit fit_shared(const KernelMatrix<double>& kernel, const Matrix<double>& y, double ridge,
                         const std::string& key, Monitor& monitor) {
  const double trace = sum_of(kernel.column_diagonal());
  const double mean_diagonal = trace / static_cast<double>(kernel.rows());
  auto outcome = fit_regression(kernel.assemble_symmetric(Triangle::lower, monitor),
                                KernelOperator(kernel, monitor), y, ridge * mean_diagonal, {},
                                FitOptions{}, monitor);
  if (const auto* failure = std::get_if<NotSolvable>(&outcome)) {
    throw NumericalError(
        fmt::format("the kernel matrix of {} samples is not positive definite: its leading minor "
                    "of order {} fails; {}",
                    kernel.rows(), failure->order,
                    key.empty() ? "take other samples"
                                : fmt::format("set {} = {:.2g} or more (now {:.2g})", key,
                                              failure->suggested_ridge / mean_diagonal, ridge)));
  }
  return std::move(std::get<Regression<double>>(outcome).fit);
}

EigenSystem<double> shared_eigensystem(const KernelMatrix<double>& kernel, Monitor& monitor) {
  auto outcome = diagonalise(kernel.assemble_symmetric(Triangle::lower, monitor));
  if (const auto* failure = std::get_if<EigenFailure>(&outcome)) {
    throw NumericalError(
        failure->not_finite_row >= 0
            ? fmt::format("the kernel matrix holds a value that is not finite in row {}",
                          failure->not_finite_row)
            : fmt::format("the eigensolver failed (info {})", failure->info));
  }
  auto& eigen = std::get<EigenSystem<double>>(outcome);
  if (!(eigen.values.back() > 0.0)) {
    throw NumericalError("the kernel of the training samples is zero, so that nothing is learned");
  }
  return std::move(eigen);
}

void stop_if_asked(const Communicator& comm, const Monitor& monitor) {
  if (!comm.agree(!monitor.stop_requested()).ok) {
    throw InterruptedError("stopped on request between two parts of the study");
  }
}

void require_classes(const StudyProblem& problem) {
  if (problem.label.empty() || problem.test_label.empty()) {
    throw ConfigError(
        "this study counts how many test samples are classified rightly; give data with classes "
        "and a test set");
  }
}

Claim within(std::string statement, double value, double low, double high) {
  return {std::move(statement), value, (low + high) / 2.0, (high - low) / 2.0};
}

double samples_bytes(const DataShape& shape, const ActivationSpec& activation, std::int64_t depth,
                     int ranks) {
  const std::int64_t n = shape.train_size;
  const std::int64_t m = shape.test_size;
  if (std::max(n, m) > kTooMany) {
    return std::numeric_limits<double>::infinity();
  }
  const GridShape grid = automatic_grid(ranks);
  const std::int64_t block = shared_block(n, grid);
  const std::int64_t slices = 2 * largest_share(n, block, grid.rows) +
                              largest_share(n, block, grid.cols) +
                              largest_share(m, block, grid.cols);
  // Beside the inputs of a sample there are its norm and, for each layer, its variances and, where
  // duals are numerical and norms differ, some 50 to 150 terms of a series.
  const double per_layer = has_numerical_duals(activation) ? 131.0 : 3.0;
  const double beside = 2.0 + per_layer * static_cast<double>(depth);
  return kProgramBytes +
         static_cast<double>(kDouble) *
             (static_cast<double>(n + m) * static_cast<double>(shape.dimension + shape.outputs) +
              static_cast<double>(slices) * (static_cast<double>(shape.dimension) + beside));
}

double matrix_bytes(std::int64_t n, int ranks) {
  if (n > kTooMany) {
    return std::numeric_limits<double>::infinity();
  }
  const GridShape grid = automatic_grid(ranks);
  const std::int64_t block = shared_block(n, grid);
  return static_cast<double>(kDouble) * static_cast<double>(largest_share(n, block, grid.rows)) *
         static_cast<double>(largest_share(n, block, grid.cols));
}

double factor_bytes(std::int64_t n, int ranks) {
  if (n > kTooMany) {
    return std::numeric_limits<double>::infinity();
  }
  const GridShape grid = automatic_grid(ranks);
  const std::int64_t panels = lookahead_workspace_bytes(n, shared_block(n, grid), grid, kDouble);
  return matrix_bytes(n, ranks) + static_cast<double>(panels) +
         static_cast<double>(KernelMatrix<double>::kTileBytes);
}

double eigensystem_bytes(std::int64_t n, int ranks) {
  if (n > kTooMany) {
    return std::numeric_limits<double>::infinity();
  }
  const GridShape grid = automatic_grid(ranks);
  const std::int64_t workspace = eigen_workspace(n, shared_block(n, grid), grid);
  return 2.0 * matrix_bytes(n, ranks) + static_cast<double>(kDouble * workspace) +
         static_cast<double>(KernelMatrix<double>::kTileBytes);
}

}  // namespace ntkflow
