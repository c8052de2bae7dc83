#include "ntkflow/gram/kernel_samples.hpp"

#include <utility>

namespace ntkflow {

namespace {

template <class Real>
std::vector<double> squared_norms_of(const Matrix<Real>& x) {
  std::vector<double> norms(static_cast<std::size_t>(x.cols()));
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    norms[static_cast<std::size_t>(i)] = accurate_dot(x.column(i), x.column(i), x.rows());
  }
  return norms;
}

}  // namespace

template <class Real>
KernelSamples<Real>::KernelSamples(const KernelEvaluator<Real>& evaluator, Matrix<Real> x)
    : x_(std::move(x)),
      squared_norms_(squared_norms_of(x_)),
      variances_(evaluator.variances(squared_norms_)) {}

template class KernelSamples<float>;
template class KernelSamples<double>;

}  // namespace ntkflow
