#include "fused_target.hpp"

#include <algorithm>
#include <cmath>
#include <span>
#include <utility>
#include <vector>

#include "hermite.hpp"
#include "near_pair.hpp"
#include "numerical_activation.hpp"
#include "scalar_duals.hpp"

namespace ntkflow {
namespace {

/// Duals of one layer at equal variances.
class EqualDuals {
 public:
  EqualDuals(const PreparedActivation& activation, long double q) : activation_(activation), q_(q) {
    if (activation.numerical) {
      constexpr int kMost = 8192;
      constexpr double kTail = 4e-15;
      const auto variance = static_cast<double>(q);
      coefficients_.resize(
          static_cast<std::size_t>(hermite_terms(*activation.numerical, variance, kTail, kMost)));
      hermite_coefficients(*activation.numerical, variance, coefficients_);
    }
  }

  [[nodiscard]] Duals<long double> at(long double c) const {
    if (coefficients_.empty()) {
      return scalar_duals(activation_, q_, q_, c);
    }
    const long double rho = c / q_;
    Duals<long double> sum{0.0L, 0.0L};
    for (std::size_t k = coefficients_.size(); k > 0; --k) {
      const long double a = coefficients_[k - 1];
      sum.g = sum.g * rho + sum.f;
      sum.f = sum.f * rho + a * a;
    }
    return {sum.f, sum.g / q_};
  }

 private:
  PreparedActivation activation_;
  long double q_;
  std::vector<double> coefficients_;
};

/// Variances of all layers.
template <class Value>
std::vector<Value> variances(const Architecture& architecture, const PreparedActivation& activation,
                             Value first) {
  std::vector<Value> q = {first};
  while (q.size() < static_cast<std::size_t>(architecture.depth)) {
    q.push_back(static_cast<Value>(architecture.weight_variance) *
                    scalar_diagonal(activation, q.back()).f +
                static_cast<Value>(architecture.bias_variance));
  }
  return q;
}

/// Where closed forms are slow in long double: the recursion that carries the distance from
/// correlation 1 or -1, in double.
FusedTarget near_target(const Architecture& architecture, const PreparedActivation& activation,
                        double variance) {
  FusedTarget target;
  target.depth = architecture.depth;
  target.has_kink = true;
  target.noise = 2e-15;  // the digits of double
  target.evaluate = [network = architecture, prepared = activation,
                     q = variances(architecture, activation, variance)](
                        long double sign, long double gap, std::span<long double> nngp,
                        std::span<long double> ntk) {
    const NearLayer layer{q.front(), q.front(), static_cast<double>(sign),
                          static_cast<double>(gap) * q.front()};
    for_each_near_depth(network, prepared, network.depth, layer, [&](int depth, KernelPair pair) {
      const auto index = static_cast<std::size_t>(depth - 1);
      nngp[index] = pair.nngp / q[index];
      ntk[index] = pair.ntk / q[index];
    });
  };
  return target;
}

}  // namespace

FusedTarget fused_target(const Architecture& architecture, const PreparedActivation& activation,
                         double variance) {
  if (has_slow_textbook(activation)) {
    return near_target(architecture, activation, variance);
  }
  const auto q = variances(architecture, activation, static_cast<long double>(variance));
  std::vector<EqualDuals> steps;
  for (std::size_t l = 0; l + 1 < q.size(); ++l) {
    steps.emplace_back(activation, q[l]);
  }
  FusedTarget target;
  target.depth = architecture.depth;
  if (activation.numerical && has_kink(activation)) {
    target.has_kink = true;
    target.noise = 0.1 * NumericalActivation::kDualTolerance;  // as met; what is left is measured
    target.allowed = 1e-12;
  }
  const long double weight = architecture.weight_variance;
  const long double bias = architecture.bias_variance;
  target.evaluate = [weight, bias, q, steps](long double sign, long double gap,
                                             std::span<long double> nngp,
                                             std::span<long double> ntk) {
    long double c = sign * (1 - gap) * q.front();
    long double theta = c;
    for (std::size_t l = 0;; ++l) {
      nngp[l] = c / q[l];
      ntk[l] = theta / q[l];
      if (l + 1 == q.size()) {
        return;
      }
      const auto duals = steps[l].at(std::clamp(c, -q[l], q[l]));
      c = weight * duals.f + bias;
      theta = c + weight * duals.g * theta;
    }
  };
  return target;
}

}  // namespace ntkflow
