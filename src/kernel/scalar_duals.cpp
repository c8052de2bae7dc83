#include "scalar_duals.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "numerical_activation.hpp"
#include "scalar.hpp"

namespace ntkflow {
namespace {

template <class Value>
Duals<Value> as(const Duals<double>& duals) {
  return {static_cast<Value>(duals.f), static_cast<Value>(duals.g)};
}

}  // namespace

template <class Value>
Duals<Value> scalar_duals(const PreparedActivation& activation, Value q1, Value q2, Value c) {
  if (activation.numerical) {
    return as<Value>(activation.numerical->duals(static_cast<double>(q1), static_cast<double>(q2),
                                                 static_cast<double>(c)));
  }
  if (q1 < q2) {  // exchanging the samples changes no bit
    std::swap(q1, q2);
  }
  Duals<Value> duals{};
  visit_activation(scalar::Activations(), activation, [&]<class Known>(const Known& known) {
    if constexpr (requires { Known::kTextbookIntegrates; }) {
      // These divide by the deviations; a sample of variance 0 is the limit.
      constexpr Value kSmallest{1e-60};
      duals = known.textbook(std::max(q1, kSmallest), std::max(q2, kSmallest), c);
    } else {
      duals = known.textbook(q1, q2, c);
    }
  });
  return duals;
}

template <class Value>
Duals<Value> scalar_diagonal(const PreparedActivation& activation, Value q) {
  if (activation.numerical) {
    return as<Value>(activation.numerical->diagonal(static_cast<double>(q)));
  }
  Duals<Value> duals{};
  visit_activation(scalar::Activations(), activation,
                   [&](const auto& known) { duals = known.diagonal(q); });
  return duals;
}

NearDuals near_duals(const PreparedActivation& activation, double q1, double q2, double c_sign,
                     double gap) {
  if (q1 < q2) {
    std::swap(q1, q2);
  }
  const double r = std::sqrt(q1 * q2);
  NearDuals near;
  visit_activation(scalar::Activations(), activation, [&]<class Known>(const Known& known) {
    if constexpr (requires { known.near(q1, q2, c_sign, gap); }) {
      // Forms that integrate from the end do so over a short way only.
      constexpr double kShort = 0.01;
      if (!requires { Known::kTextbookIntegrates; } ||
          (gap <= kShort * r && gap <= 10.0 * kShort)) {
        near = known.near(q1, q2, c_sign, gap);
        return;
      }
    }
    const auto [f, g] = known.textbook(q1, q2, std::copysign(r - gap, c_sign));
    const double bound = std::sqrt(known.diagonal(q1).f * known.diagonal(q2).f);
    near = {f, g, std::max(bound - std::abs(f), 0.0)};
  });
  return near;
}

bool has_slow_textbook(const PreparedActivation& activation) {
  bool is_slow = false;
  visit_activation(scalar::Activations(), activation, [&]<class Known>(const Known& /*known*/) {
    is_slow = requires {
      Known::kTextbookIntegrates;
    };
  });
  return is_slow;
}

bool is_homogeneous(const PreparedActivation& activation) {
  bool is_homogeneous = false;
  visit_activation(scalar::Activations(), activation, [&]<class Known>(const Known& /*known*/) {
    is_homogeneous = requires {
      Known::kIsHomogeneous;
    };
  });
  return is_homogeneous;
}

bool has_kink(const PreparedActivation& activation) {
  if (activation.numerical) {
    return !activation.numerical->kinks().empty();
  }
  bool has_kink = false;
  visit_activation(scalar::Activations(), activation, [&]<class Known>(const Known& known) {
    has_kink = requires {
      known.near(1.0, 1.0, 1.0, 0.0);
    };
  });
  return has_kink;
}

template Duals<double> scalar_duals(const PreparedActivation&, double, double, double);
template Duals<long double> scalar_duals(const PreparedActivation&, long double, long double,
                                         long double);
template Duals<float> scalar_diagonal(const PreparedActivation&, float);
template Duals<double> scalar_diagonal(const PreparedActivation&, double);
template Duals<long double> scalar_diagonal(const PreparedActivation&, long double);

}  // namespace ntkflow
