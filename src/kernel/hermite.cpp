#include "hermite.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {
namespace {

/// Nodes in groups of kLanes, so that compilers may compute a group at once without changing the
/// order of a sum.
constexpr std::size_t kLanes = 8;

/// Quadrature nodes with h_k's weight e^(-z^2/4) split off, which keeps every h_k in range.
struct WeightedNodes {
  std::vector<double> z;
  std::vector<double> half_density;  ///< (density of z)^(1/2)
  std::vector<double> value;         ///< s times weight times (density of z)^(1/2)
  std::vector<double> slope;         ///< s' likewise
  double value_square = 0.0;         ///< E[s^2] by the same nodes
  double slope_square = 0.0;
};

WeightedNodes make_nodes(const NumericalActivation& activation, double q, int size) {
  const double deviation = std::sqrt(q);
  // h_k oscillates with wave numbers up to sqrt(k); 16 nodes resolve 16 radians.
  Fineness fineness = fine_rule();
  fineness.widest = std::min(fineness.widest, 14.0 / std::sqrt(static_cast<double>(size)));
  WeightedNodes nodes;
  for_each_node(activation.cuts(), 0.0, deviation, activation.reach(q, activation.diagonal(q)),
                fineness, [&](double z, double weight) {
                  const Jet s = activation.jet(deviation * z);
                  const double half = std::sqrt(normal_density(z));
                  nodes.z.push_back(z);
                  nodes.half_density.push_back(half);
                  nodes.value.push_back(weight * half * s.value);
                  nodes.slope.push_back(weight * half * s.derivative);
                  nodes.value_square += weight * half * half * s.value * s.value;
                  nodes.slope_square += weight * half * half * s.derivative * s.derivative;
                });
  const std::size_t padded = (nodes.z.size() + kLanes - 1) / kLanes * kLanes;
  for (auto* list : {&nodes.z, &nodes.half_density, &nodes.value, &nodes.slope}) {
    list->resize(padded, 0.0);
  }
  return nodes;
}

/// Tails below this are lost in the rounding of Parseval's sums.
constexpr double kSmallestTail = 8.0 * std::numeric_limits<double>::epsilon();

double relative_tail(double whole, const std::vector<double>& coefficients) {
  if (whole == 0.0) {
    return 0.0;
  }
  double sum = 0.0;
  for (const double a : coefficients) {
    sum += a * a;
  }
  return std::max((whole - sum) / whole, kSmallestTail);
}

/// sum_i moments_i psi_k(z_i), psi_k = h_k e^(-z^2/4) / (2 pi)^(1/4), by the recurrence
/// sqrt(k + 1) h_(k+1) = z h_k - sqrt(k) h_(k-1).
void project(const WeightedNodes& nodes, const std::vector<double>& moments,
             std::span<double> coefficients) {
  std::vector<double> current = nodes.half_density;
  std::vector<double> before(current.size(), 0.0);
  for (std::size_t k = 0; k < coefficients.size(); ++k) {
    const auto order = static_cast<double>(k);
    const double root = std::sqrt(order);
    const double inverse = 1.0 / std::sqrt(order + 1.0);
    std::array<double, kLanes> sums{};
    for (std::size_t i = 0; i < current.size(); i += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const std::size_t j = i + lane;
        const double h = current[j];
        sums[lane] += moments[j] * h;
        current[j] = (nodes.z[j] * h - root * before[j]) * inverse;
        before[j] = h;
      }
    }
    coefficients[k] = std::accumulate(sums.begin(), sums.end(), 0.0);
  }
}

/// At q = 0 the variable is constant, and half of each side of 0 where that is a kink.
HermiteExpansion expand_constant(const NumericalActivation& activation, int size) {
  const Jet left = activation.jet(-std::numeric_limits<double>::min());
  const Jet right = activation.jet(std::numeric_limits<double>::min());
  HermiteExpansion result;
  result.value.resize(static_cast<std::size_t>(size));
  result.slope.resize(static_cast<std::size_t>(size));
  result.value[0] = 0.5 * (left.value + right.value);
  result.slope[0] = 0.5 * (left.derivative + right.derivative);
  return result;
}

/// The fewest coefficients without which a relative tail grows no larger than the tolerance.
int count_terms(const std::vector<double>& coefficients, double tail, double tolerance) {
  double kept = 0.0;
  for (const double a : coefficients) {
    kept += a * a;
  }
  auto terms = static_cast<int>(coefficients.size());
  while (terms > 1) {
    const double a = coefficients[terms - 1];
    tail += kept == 0.0 ? 0.0 : a * a / kept;
    if (tail > tolerance) {
      break;
    }
    --terms;
  }
  return terms;
}

}  // namespace

HermiteExpansion expand_hermite(const NumericalActivation& activation, double q, int size) {
  NTKFLOW_EXPECTS(q >= 0.0 && size >= 1, q, size);
  if (q == 0.0) {
    return expand_constant(activation, size);
  }
  const WeightedNodes nodes = make_nodes(activation, q, size);
  HermiteExpansion result;
  result.value.resize(static_cast<std::size_t>(size));
  result.slope.resize(static_cast<std::size_t>(size));
  project(nodes, nodes.value, result.value);
  project(nodes, nodes.slope, result.slope);
  result.value_tail = relative_tail(nodes.value_square, result.value);
  result.slope_tail = relative_tail(nodes.slope_square, result.slope);
  return result;
}

void hermite_coefficients(const NumericalActivation& activation, double q,
                          std::span<double> coefficients) {
  NTKFLOW_EXPECTS(q >= 0.0, q);
  if (coefficients.empty()) {
    return;
  }
  const auto size = static_cast<int>(coefficients.size());
  if (q == 0.0) {
    std::copy_n(expand_constant(activation, size).value.begin(), size, coefficients.begin());
    return;
  }
  const WeightedNodes nodes = make_nodes(activation, q, size);
  project(nodes, nodes.value, coefficients);
}

int hermite_terms(const NumericalActivation& activation, double q, double tolerance, int most) {
  NTKFLOW_EXPECTS(q >= 0.0 && tolerance >= kSmallestTail && most >= 1, q, tolerance, most);
  if (q == 0.0) {
    return 1;
  }
  for (int size = std::min(32, most);; size = std::min(2 * size, most)) {
    const HermiteExpansion expansion = expand_hermite(activation, q, size);
    if (expansion.value_tail <= tolerance &&
        (activation.has_jump() || expansion.slope_tail <= tolerance)) {
      int terms = count_terms(expansion.value, expansion.value_tail, tolerance);
      if (!activation.has_jump()) {
        // Term k of G = sum k a_k^2 rho^(k-1) / q is the square of coefficient k - 1 of s'.
        const int slopes = count_terms(expansion.slope, expansion.slope_tail, tolerance);
        terms = std::max(terms, slopes + 1);
      }
      if (terms <= size) {
        return terms;
      }
    }
    if (size == most) {
      return 0;
    }
  }
}

}  // namespace ntkflow
