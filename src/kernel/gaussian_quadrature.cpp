#include "gaussian_quadrature.hpp"

#include <ntkflow/base/contract.hpp>

#include "gauss_rule.hpp"

namespace ntkflow {

LegendreRule make_legendre_rule(int size) {
  NTKFLOW_EXPECTS(size >= 1 && size <= 64, size);
  const auto degree = static_cast<std::size_t>(size);
  LegendreRule rule;
  for (std::size_t i = degree; i > 0; --i) {
    const auto [x, slope] = detail::legendre_root(degree, i - 1);
    rule.nodes.push_back(static_cast<double>(x));
    rule.weights.push_back(static_cast<double>(2.0L / ((1.0L - x * x) * slope * slope)));
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
