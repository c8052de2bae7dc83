#include "width_bounds.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

namespace ntkflow {

std::optional<Moments> relu_moments(const Architecture& architecture, const Matrix<double>& x) {
  if (architecture.depth != 2 || architecture.activation.name != "relu") {
    return std::nullopt;
  }
  double most = 0.0;
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    most =
        std::max(most, std::inner_product(x.column(i), x.column(i) + x.rows(), x.column(i), 0.0));
  }
  const double scale = architecture.first_layer == FirstLayer::plain
                           ? 1.0
                           : architecture.weight_variance / static_cast<double>(x.rows());
  const double s = architecture.weight_variance * (scale * most + architecture.bias_variance);
  return Moments{6.0 * s * s, 4.0 * s};
}

double bernstein_width(const Moments& moments, double deviation, std::int64_t samples,
                       double failure) {
  const auto n = static_cast<double>(samples);
  return std::ceil(2.0 * (moments.variance + moments.range * deviation) / (deviation * deviation) *
                   std::log(n * (n + 1.0) / failure));
}

double arora_width(int layers, double epsilon, double failure) {
  const auto depth = static_cast<double>(layers);
  return std::pow(depth, 6) / std::pow(epsilon, 4) * std::log(depth / failure);
}

double du_start_width(std::int64_t samples, double least, double failure) {
  const auto n = static_cast<double>(samples);
  return std::pow(n / least, 2) * std::log(n / failure);
}

double du_training_width(std::int64_t samples, double least, double failure) {
  return std::pow(static_cast<double>(samples), 6) / (std::pow(least, 4) * std::pow(failure, 3));
}

double quantile_at(std::span<const double> values, double fraction) {
  NTKFLOW_EXPECTS(!values.empty() && fraction > 0.0 && fraction < 1.0, fraction);
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  // 0.9 of 100 is 90.00000000000001 in binary.
  constexpr double kRounding = 1e-9;
  const double rank = std::ceil(fraction * static_cast<double>(sorted.size()) - kRounding);
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

std::optional<double> width_within(std::span<const double> log2_widths,
                                   std::span<const double> values, double most) {
  NTKFLOW_EXPECTS(log2_widths.size() == values.size() && !values.empty(), values.size());
  std::size_t first = values.size();
  while (first > 0 && values[first - 1] <= most) {
    --first;
  }
  if (first == values.size()) {
    return std::nullopt;
  }
  if (first == 0) {
    return std::exp2(log2_widths[0]);
  }
  const double part = (values[first - 1] - most) / (values[first - 1] - values[first]);
  return std::exp2(log2_widths[first - 1] + part * (log2_widths[first] - log2_widths[first - 1]));
}

Matrix<double> brought_together(const Matrix<double>& x, double separation) {
  NTKFLOW_EXPECTS(x.cols() >= 2, x.cols());
  const std::int64_t d = x.rows();
  const double* a = x.column(0);
  const double* b = x.column(1);
  const double aa = std::inner_product(a, a + d, a, 0.0);
  const double bb = std::inner_product(b, b + d, b, 0.0);
  const double ab = std::inner_product(a, a + d, b, 0.0);
  std::vector<double> across(b, b + d);
  for (std::int64_t i = 0; i < d; ++i) {
    across[static_cast<std::size_t>(i)] -= ab / aa * a[i];
  }
  const double height =
      std::sqrt(std::inner_product(across.begin(), across.end(), across.begin(), 0.0));
  constexpr double kParallel = 1e-8;
  if (!(height > kParallel * std::sqrt(bb))) {
    throw NumericalError(
        "the first two training samples lie on a line through the origin, so that there is no arc "
        "on which to bring them together; take other samples");
  }
  Matrix<double> moved = x.clone();
  const double norm = std::sqrt(bb);
  for (std::int64_t i = 0; i < d; ++i) {
    moved(i, 1) = norm * (std::cos(separation) * a[i] / std::sqrt(aa) +
                          std::sin(separation) * across[static_cast<std::size_t>(i)] / height);
  }
  return moved;
}

}  // namespace ntkflow
