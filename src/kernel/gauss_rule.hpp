#pragma once

#include <array>
#include <cstddef>

namespace ntkflow {

/// Nodes and weights of a quadrature rule on [0, 1].
template <class Real, std::size_t kCount>
struct QuadratureRule {
  std::array<Real, kCount> nodes{};
  std::array<Real, kCount> weights{};
};

namespace detail {

struct LegendreRoot {
  long double root;
  long double slope;  // of the polynomial, there
};

/// Root i of the Legendre polynomial of that degree, the largest first: Newton's method from
/// cos(pi (i + 3/4) / (degree + 1/2)).
constexpr LegendreRoot legendre_root(std::size_t degree, std::size_t i) {
  const long double angle = 3.141592653589793238462643383279503L *
                            (static_cast<long double>(i) + 0.75L) /
                            (static_cast<long double>(degree) + 0.5L);
  long double x = 1.0L;
  long double term = 1.0L;
  for (int k = 1; k <= 20; ++k) {
    term *= -angle * angle / (2.0L * k * (2.0L * k - 1.0L));
    x += term;
  }
  long double slope = 0.0L;
  for (int step = 0; step < 6; ++step) {
    long double before = 1.0L;
    long double value = x;
    for (std::size_t k = 2; k <= degree; ++k) {
      const auto n = static_cast<long double>(k);
      const long double next = ((2.0L * n - 1.0L) * x * value - (n - 1.0L) * before) / n;
      before = value;
      value = next;
    }
    slope = static_cast<long double>(degree) * (x * value - before) / (x * x - 1.0L);
    x -= value / slope;
  }
  return {x, slope};
}

}  // namespace detail

/// Gauss-Legendre on [0, 1]: exact for polynomials of degree 2 kCount - 1.
template <class Real, std::size_t kCount>
constexpr QuadratureRule<Real, kCount> gauss_rule() {
  QuadratureRule<Real, kCount> rule;
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto [x, slope] = detail::legendre_root(kCount, i);
    rule.nodes[i] = static_cast<Real>((1.0L + x) / 2.0L);
    rule.weights[i] = static_cast<Real>(1.0L / ((1.0L - x * x) * slope * slope));
  }
  return rule;
}

/// The positive half of Gauss-Legendre on [-1, 1] with 2 kCount nodes: integrates even functions
/// over [0, 1], polynomials in x^2 of degree 2 kCount - 1 exactly.
template <class Real, std::size_t kCount>
constexpr QuadratureRule<Real, kCount> even_gauss_rule() {
  QuadratureRule<Real, kCount> rule;
  for (std::size_t i = 0; i < kCount; ++i) {
    const auto [x, slope] = detail::legendre_root(2 * kCount, i);
    rule.nodes[i] = static_cast<Real>(x);
    rule.weights[i] = static_cast<Real>(2.0L / ((1.0L - x * x) * slope * slope));
  }
  return rule;
}

/// Gauss-Legendre after the substitution x = s^2 (3 - 2 s), which gathers the nodes at both ends:
/// for integrands with boundary layers.
template <class Real, std::size_t kCount>
constexpr QuadratureRule<Real, kCount> clustered_gauss_rule() {
  constexpr auto kPlain = gauss_rule<long double, kCount>();
  QuadratureRule<Real, kCount> rule;
  for (std::size_t i = 0; i < kCount; ++i) {
    const long double s = kPlain.nodes[i];
    rule.nodes[i] = static_cast<Real>(s * s * (3.0L - 2.0L * s));
    rule.weights[i] = static_cast<Real>(6.0L * s * (1.0L - s) * kPlain.weights[i]);
  }
  return rule;
}

}  // namespace ntkflow
