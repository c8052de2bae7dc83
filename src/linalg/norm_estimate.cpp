#include "norm_estimate.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace ntkflow {
namespace {

double sum_of_magnitudes(const std::vector<double>& x) {
  return std::accumulate(x.begin(), x.end(), 0.0,
                         [](double sum, double value) { return sum + std::abs(value); });
}

std::size_t largest_magnitude(const std::vector<double>& x) {
  const auto smaller = [](double a, double b) { return std::abs(a) < std::abs(b); };
  return static_cast<std::size_t>(std::max_element(x.begin(), x.end(), smaller) - x.begin());
}

std::vector<double> signs(const std::vector<double>& x) {
  std::vector<double> result(x.size());
  std::transform(x.begin(), x.end(), result.begin(),
                 [](double value) { return std::copysign(1.0, value); });
  return result;
}

}  // namespace

double estimate_symmetric_norm(std::int64_t n,
                               const std::function<void(std::vector<double>& x)>& multiply) {
  if (n == 0) {
    return 0.0;
  }
  constexpr int kMaxSteps = 4;
  const auto size = static_cast<std::size_t>(n);
  const auto count = static_cast<double>(n);
  std::vector<double> x(size, 1.0 / count);
  multiply(x);
  double estimate = sum_of_magnitudes(x);
  if (n == 1) {
    return estimate;
  }
  // ||B x||_1 is convex in x: go from one vertex e_j of the unit ball to the one that the
  // subgradient B sign(B x) points to, until neither estimate nor subgradient improves.
  std::vector<double> sign = signs(x);
  x = sign;
  multiply(x);
  std::size_t vertex = largest_magnitude(x);
  for (int step = 0; step < kMaxSteps; ++step) {
    std::fill(x.begin(), x.end(), 0.0);
    x[vertex] = 1.0;
    multiply(x);
    const double previous = estimate;
    estimate = std::max(estimate, sum_of_magnitudes(x));
    if (signs(x) == sign || estimate <= previous) {
      break;
    }
    sign = signs(x);
    x = sign;
    multiply(x);
    const std::size_t next = largest_magnitude(x);
    if (std::abs(x[next]) == std::abs(x[vertex])) {
      break;
    }
    vertex = next;
  }
  // A vector of alternating signs and growing elements catches most matrices on which the steps
  // above stop too early.
  for (std::size_t i = 0; i < size; ++i) {
    const double magnitude = 1.0 + static_cast<double>(i) / (count - 1.0);
    x[i] = i % 2 == 0 ? magnitude : -magnitude;
  }
  multiply(x);
  const double alternating = 2.0 * sum_of_magnitudes(x) / (3.0 * count);
  return std::isnan(alternating) ? alternating : std::max(estimate, alternating);
}

}  // namespace ntkflow
