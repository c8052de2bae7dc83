#include "gaussian_quadrature.hpp"

#include <ntkflow/base/contract.hpp>

namespace ntkflow {

LegendreRule make_legendre_rule(int size) {
  NTKFLOW_EXPECTS(size >= 1 && size <= 64, size);
  LegendreRule rule;
  for (int i = size; i >= 1; --i) {
    // Newton's method on the Legendre polynomial, from Tricomi's approximation of its root.
    double x = std::cos(std::numbers::pi * (i - 0.25) / (size + 0.5));
    double derivative = 0.0;
    for (int step = 0; step < 8; ++step) {
      double value = x;
      double before = 1.0;
      for (int n = 2; n <= size; ++n) {
        const double next = ((2 * n - 1) * x * value - (n - 1) * before) / n;
        before = value;
        value = next;
      }
      derivative = size * (before - x * value) / (1.0 - x * x);
      x -= value / derivative;
    }
    rule.nodes.push_back(x);
    rule.weights.push_back(2.0 / ((1.0 - x * x) * derivative * derivative));
  }
  return rule;
}

Fineness fine_rule(int level) {
  static const LegendreRule rule = make_legendre_rule(16);
  return {&rule, 3.0 / (1 << level), 1 << level};
}

Fineness coarse_rule(int level) {
  static const LegendreRule rule = make_legendre_rule(12);
  return {&rule, 3.0 / (1 << level), 1 << level};
}

}  // namespace ntkflow
