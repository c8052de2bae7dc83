#include <cmath>

#include <ntkflow/kernel/kernel_evaluator.hpp>

namespace ntkflow {

double accurate_dot(const double* x, const double* y, std::int64_t d) {
  double sum = 0.0;
  double error = 0.0;
  for (std::int64_t k = 0; k < d; ++k) {
    const double product = x[k] * y[k];
    const double product_error = std::fma(x[k], y[k], -product);
    const double next = sum + product;
    const double part = next - sum;
    const double sum_error = (sum - (next - part)) + (product - part);
    sum = next;
    error += product_error + sum_error;
  }
  return sum + error;
}

double accurate_dot(const float* x, const float* y, std::int64_t d) {
  double sum = 0.0;  // holds each product of two floats exactly
  for (std::int64_t k = 0; k < d; ++k) {
    sum += static_cast<double>(x[k]) * static_cast<double>(y[k]);
  }
  return sum;
}

}  // namespace ntkflow
