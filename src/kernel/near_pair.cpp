#include "near_pair.hpp"

#include <algorithm>
#include <cmath>

#include "scalar_duals.hpp"

namespace ntkflow {
namespace {

/// The layer that weight * (f1, f2, f) + bias makes, from f = sign * (sqrt(f1 f2) - gap). For
/// f >= 0, with u = sqrt(f1) and v = sqrt(f2),
///   sqrt(q1 q2) - (w u v + b) = w b (u - v)^2 / (sqrt(q1 q2) + w u v + b),
/// and the same with u + v and w u v - b for f < 0: no difference of large numbers is left.
NearLayer affine(double weight, double bias, double f1, double f2, double sign, double gap) {
  const double q1 = weight * f1 + bias;
  const double q2 = weight * f2 + bias;
  const double u = std::sqrt(f1);
  const double v = std::sqrt(f2);
  const double root = std::sqrt(q1 * q2);
  const double c = weight * (u * v - gap) + sign * bias;  // times the sign of f
  if (c < 0.0) {                                          // the bias turned the sign
    return {q1, q2, 1.0, root + c};
  }
  const double difference = u - sign * v;
  const double apart =
      bias == 0.0 ? 0.0
                  : weight * bias * difference * difference / (root + weight * u * v + sign * bias);
  return {q1, q2, sign, apart + weight * gap};
}

}  // namespace

template <class Real>
NearCorrelation near_correlation(const Real* x, const Real* y, std::int64_t d) {
  if (std::equal(x, x + d, y)) {  // as on every diagonal
    return {};
  }
  // With the lengths made equal, tan(angle / 2) = |x - y| / |x + y| (Kahan), which exchanging the
  // samples does not change by a bit.
  const double x_norm = std::sqrt(accurate_dot(x, x, d));
  const double y_norm = std::sqrt(accurate_dot(y, y, d));
  double difference = 0.0;
  double sum = 0.0;
  for (std::int64_t k = 0; k < d; ++k) {
    const double a = static_cast<double>(x[k]) * y_norm;
    const double b = static_cast<double>(y[k]) * x_norm;
    difference += (a - b) * (a - b);
    sum += (a + b) * (a + b);
  }
  return {difference < sum ? 1.0 : -1.0, 2.0 * std::min(difference, sum) / (difference + sum)};
}

NearLayer first_near_layer(const Architecture& architecture, double first_slope, double x_norm,
                           double y_norm, NearCorrelation correlation) {
  return affine(first_slope, architecture.bias_variance, x_norm * x_norm, y_norm * y_norm,
                correlation.sign, correlation.gap * x_norm * y_norm);
}

void for_each_near_depth(const Architecture& architecture, const PreparedActivation& activation,
                         int depth, NearLayer first,
                         const std::function<void(int, KernelPair)>& visit) {
  const double weight = architecture.weight_variance;
  NearLayer layer = first;
  double c = layer.c();
  double ntk = c;
  for (int step = 1;; ++step) {
    visit(step, {c, ntk});
    if (step == depth) {
      return;
    }
    const NearDuals duals = near_duals(activation, layer.q1, layer.q2, layer.sign, layer.gap);
    const double f1 = scalar_diagonal(activation, layer.q1).f;
    const double f2 = scalar_diagonal(activation, layer.q2).f;
    // A wide gap is better known from F.
    const double bound = std::sqrt(f1 * f2);
    const double gap = duals.gap < 0.01 * bound ? duals.gap : bound - std::abs(duals.f);
    layer = affine(weight, architecture.bias_variance, f1, f2, duals.f < 0.0 ? -1.0 : 1.0, gap);
    c = weight * duals.f + architecture.bias_variance;  // of a small F the gap has lost digits
    ntk = c + weight * duals.g * ntk;
  }
}

template NearCorrelation near_correlation(const float*, const float*, std::int64_t);
template NearCorrelation near_correlation(const double*, const double*, std::int64_t);

}  // namespace ntkflow
