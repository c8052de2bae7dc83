#include "near_pair.hpp"

#include <cmath>

#include "scalar_duals.hpp"

namespace ntkflow {
namespace {

/// Covariance of one layer: variances, sign of c, and gap = sqrt(q1 q2) - |c|.
struct Layer {
  double q1;
  double q2;
  double sign;
  double gap;

  [[nodiscard]] double c() const { return sign * (std::sqrt(q1 * q2) - gap); }
};

/// The layer that weight * (f1, f2, f) + bias makes, from f = sign * (sqrt(f1 f2) - gap). For
/// f >= 0, with u = sqrt(f1) and v = sqrt(f2),
///   sqrt(q1 q2) - (w u v + b) = w b (u - v)^2 / (sqrt(q1 q2) + w u v + b),
/// and the same with u + v and w u v - b for f < 0: no difference of large numbers is left.
Layer affine(double weight, double bias, double f1, double f2, double sign, double gap) {
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
  const double yy = accurate_dot(y, y, d);
  const double share = accurate_dot(x, y, d) / yy;
  double rest = 0.0;
  for (std::int64_t k = 0; k < d; ++k) {
    const double r = static_cast<double>(x[k]) - share * static_cast<double>(y[k]);
    rest += r * r;
  }
  const double half = std::sin(0.5 * std::atan2(std::sqrt(rest), std::abs(share) * std::sqrt(yy)));
  return {share < 0.0 ? -1.0 : 1.0, 2.0 * half * half};
}

KernelPair near_kernels(const Architecture& architecture, const PreparedActivation& activation,
                        double first_slope, int depth, double x_norm, double y_norm,
                        NearCorrelation correlation) {
  const double weight = architecture.weight_variance;
  const double bias = architecture.bias_variance;
  Layer layer = affine(first_slope, bias, x_norm * x_norm, y_norm * y_norm, correlation.sign,
                       correlation.gap * x_norm * y_norm);
  double ntk = layer.c();
  for (int step = 2; step <= depth; ++step) {
    const NearDuals duals = near_duals(activation, layer.q1, layer.q2, layer.sign, layer.gap);
    layer = affine(weight, bias, scalar_diagonal(activation, layer.q1).f,
                   scalar_diagonal(activation, layer.q2).f, duals.f < 0.0 ? -1.0 : 1.0, duals.gap);
    ntk = layer.c() + weight * duals.g * ntk;
  }
  return {layer.c(), ntk};
}

template NearCorrelation near_correlation(const float*, const float*, std::int64_t);
template NearCorrelation near_correlation(const double*, const double*, std::int64_t);

}  // namespace ntkflow
