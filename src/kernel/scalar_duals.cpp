#include "scalar_duals.hpp"

#include <algorithm>
#include <cmath>

#include "scalar.hpp"

namespace ntkflow {

template <class Value>
Duals<Value> scalar_duals(const PreparedActivation& activation, Value q1, Value q2, Value c) {
  Duals<Value> duals{};
  visit_activation(scalar::Activations(), activation,
                   [&](const auto& known) { duals = known.textbook(q1, q2, c); });
  return duals;
}

template <class Value>
Duals<Value> scalar_diagonal(const PreparedActivation& activation, Value q) {
  Duals<Value> duals{};
  visit_activation(scalar::Activations(), activation,
                   [&](const auto& known) { duals = known.diagonal(q); });
  return duals;
}

NearDuals near_duals(const PreparedActivation& activation, double q1, double q2, double c_sign,
                     double gap) {
  NearDuals near;
  visit_activation(scalar::Activations(), activation, [&](const auto& known) {
    if constexpr (requires { known.near(q1, q2, c_sign, gap); }) {
      near = known.near(q1, q2, c_sign, gap);
    } else {
      // Without a kink F and G do not feel the rounding of c.
      const double c = std::copysign(std::sqrt(q1 * q2) - gap, c_sign);
      const auto [f, g] = known.textbook(q1, q2, c);
      const double bound = std::sqrt(known.diagonal(q1).f * known.diagonal(q2).f);
      near = {f, g, std::max(bound - std::abs(f), 0.0)};
    }
  });
  return near;
}

std::optional<double> homogeneity(const PreparedActivation& activation) {
  std::optional<double> degree;
  visit_activation(scalar::Activations(), activation, [&](const auto& known) {
    if constexpr (requires { known.degree(); }) {
      degree = known.degree();
    }
  });
  return degree;
}

template Duals<double> scalar_duals(const PreparedActivation&, double, double, double);
template Duals<long double> scalar_duals(const PreparedActivation&, long double, long double,
                                         long double);
template Duals<float> scalar_diagonal(const PreparedActivation&, float);
template Duals<double> scalar_diagonal(const PreparedActivation&, double);
template Duals<long double> scalar_diagonal(const PreparedActivation&, long double);

}  // namespace ntkflow
