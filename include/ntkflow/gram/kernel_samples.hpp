#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

namespace ntkflow {

/// The samples [d x n] of one axis of a kernel matrix that this rank needs, one per column, with
/// what the kernel needs of each alone: |x|^2 and the layer variances. Immutable.
template <class Real>
class KernelSamples {
 public:
  /// Local.
  KernelSamples(const KernelEvaluator<Real>& evaluator, Matrix<Real> x);

  [[nodiscard]] std::int64_t size() const { return x_.cols(); }
  [[nodiscard]] std::int64_t dimension() const { return x_.rows(); }
  [[nodiscard]] const Matrix<Real>& x() const { return x_; }
  [[nodiscard]] const std::vector<double>& squared_norms() const { return squared_norms_; }
  [[nodiscard]] const SampleVariances<Real>& variances() const { return variances_; }

 private:
  Matrix<Real> x_;
  std::vector<double> squared_norms_;
  SampleVariances<Real> variances_;
};

}  // namespace ntkflow
