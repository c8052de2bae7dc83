#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>

namespace ntkflow::test {

/// A sample as a function of its position and the input's number.
using SampleFunction = std::function<double(std::int64_t position, std::int64_t input)>;

/// The samples [d x n] that `map` gives this rank.
template <class Real>
Matrix<Real> samples_at(const BlockCyclic& map, std::int64_t d, const SampleFunction& sample) {
  Matrix<Real> x(d, map.local_size());
  for (std::int64_t j = 0; j < x.cols(); ++j) {
    for (std::int64_t i = 0; i < d; ++i) {
      x(i, j) = static_cast<Real>(sample(map.to_global({j}).value, i));
    }
  }
  return x;
}

/// The kernel between n samples (rows) and m samples (columns) given by functions.
template <class Real>
KernelMatrix<Real> make_kernel(std::shared_ptr<const ProcessGrid> grid,
                               const Architecture& architecture, KernelType type,
                               std::int64_t block, std::int64_t d, std::int64_t n,
                               const SampleFunction& row_sample, std::int64_t m,
                               const SampleFunction& col_sample) {
  auto evaluator = std::make_shared<const KernelEvaluator<Real>>(architecture, d);
  const BlockCyclic rows(n, block, grid->shape().rows, grid->row());
  const BlockCyclic cols(m, block, grid->shape().cols, grid->col());
  auto row_samples = std::make_shared<const KernelSamples<Real>>(
      *evaluator, samples_at<Real>(rows, d, row_sample));
  auto col_samples = std::make_shared<const KernelSamples<Real>>(
      *evaluator, samples_at<Real>(cols, d, col_sample));
  return {std::move(grid),       std::move(evaluator), type, rows, std::move(row_samples), cols,
          std::move(col_samples)};
}

/// The symmetric kernel of n samples.
template <class Real>
KernelMatrix<Real> make_kernel(std::shared_ptr<const ProcessGrid> grid,
                               const Architecture& architecture, KernelType type,
                               std::int64_t block, std::int64_t d, std::int64_t n,
                               const SampleFunction& sample) {
  return make_kernel<Real>(std::move(grid), architecture, type, block, d, n, sample, n, sample);
}

}  // namespace ntkflow::test
