#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>

#include "activation.hpp"
#include "mills_polynomial.hpp"

// The normal distribution for scalars; pack_normal.inl has it for SIMD vectors.
namespace ntkflow {

/// m(y) = Phi(-y) / phi(y), and m(0) - m(y).
template <class Value>
struct MillsRatio {
  Value value;
  Value drop;
};

/// m(0).
inline constexpr double kMillsAtZero = 1.2533141373155002512;

/// For y >= 0, both within 8 eps.
template <class Real>
MillsRatio<Real> mills_ratio(Real y) {
  // A longer type has the digits of double here.
  using Known = std::conditional_t<sizeof(Real) == sizeof(float), float, double>;
  constexpr auto& kCoefficients = kMillsPolynomial<Known>;
  constexpr auto kAtZero = static_cast<Real>(kMillsAtZero);
  const Real z = 1 / (y + 4);
  const Real t = 1 - 8 * z;
  Real p = 0;
  for (std::size_t k = kCoefficients.size(); k > 0; --k) {
    p = p * t + kCoefficients[k - 1];
  }
  return {z * (4 * kAtZero + 2 * y * z * p), y * z * (kAtZero - 2 * z * p)};
}

/// phi(x).
template <class Real>
Real normal_density(Real x) {
  return std::exp(-x * x / 2) *
         static_cast<Real>(0.5 * std::numbers::inv_sqrtpi * std::numbers::sqrt2);
}

/// Phi(-x).
template <class Real>
Real normal_tail(Real x) {
  return std::erfc(x * static_cast<Real>(0.5 * std::numbers::sqrt2)) / 2;
}

/// Slow and of any precision, for textbook formulas.
namespace any_precision {

/// Integral of f over [a, b] by the double exponential rule (Takahasi, Mori 1974), refined until it
/// stands still. f may be singular at the ends, and is given exact distances from a = 0.
template <class Value, class Function>
Value integrate(const Function& f, const Value& a, const Value& b) {
  using std::abs;
  using std::acos;
  using std::exp;
  using std::log;
  using std::sinh;
  using std::sqrt;
  const Value eps = std::numeric_limits<Value>::epsilon();
  const Value pi = acos(Value(-1));
  const Value reach = log(-4 * log(eps) / pi);  // beyond, the weights are below eps^2
  const auto term = [&](const Value& t) {
    const Value e = exp(-pi * sinh(abs(t)));
    const Value far = 1 / (1 + e);  // the parts that the node cuts [a, b] into
    const Value near = e / (1 + e);
    const Value x = t < 0 ? Value(a + (b - a) * near) : Value(a + (b - a) * far);
    const Value cosh_t = (exp(t) + exp(-t)) / 2;
    return Value(f(x) * (b - a) * pi * cosh_t * far * near);
  };
  const Value enough = sqrt(eps * sqrt(eps));  // each halving of the step about squares the error
  Value step = Value(1) / 4;
  Value sum = term(Value(0));
  for (Value t = step; t <= reach; t += step) {
    sum += term(t) + term(-t);
  }
  Value result = sum * step;
  for (int level = 0; level < 8; ++level) {
    const Value before = result;
    for (Value t = step / 2; t <= reach; t += step) {
      sum += term(t) + term(-t);
    }
    step /= 2;
    result = sum * step;
    if (level > 0 && abs(result - before) <= enough * abs(result)) {
      break;
    }
  }
  return result;
}

/// phi(x).
template <class Value>
Value normal_density(const Value& x) {
  using std::acos;
  using std::exp;
  using std::sqrt;
  return exp(-x * x / 2) / sqrt(2 * acos(Value(-1)));
}

/// m(y) = integral of exp(-y t - t^2 / 2) over t > 0, for y >= 0, and m(0) - m(y).
template <class Value>
MillsRatio<Value> mills_ratio(const Value& y) {
  using std::acos;
  using std::exp;
  using std::log;
  using std::sqrt;
  const Value end = 2 * sqrt(-log(Value(std::numeric_limits<Value>::epsilon())));
  const Value value =
      integrate([&](const Value& t) { return Value(exp(-(y + t / 2) * t)); }, Value(0), end);
  return {value, sqrt(acos(Value(-1)) / 2) - value};
}

/// Phi(-x).
template <class Value>
Value normal_tail(const Value& x) {
  if (x < 0) {
    return 1 - normal_tail(Value(-x));
  }
  return mills_ratio(x).value * normal_density(x);
}

// In double the polynomial and the library's erfc are as good, and fast.
inline MillsRatio<double> mills_ratio(const double& y) {
  return ntkflow::mills_ratio(y);
}
inline double normal_tail(const double& x) {
  return ntkflow::normal_tail(x);
}

/// P(X > h, Y > k) for standard normal X, Y of correlation rho, root = sqrt(1 - rho^2). Along the
/// angle t with sin t = rho its derivative is exp(-(h^2 - 2 h k sin t + k^2) / (2 cos^2 t)) / 2 pi
/// (Drezner, Wesolowsky 1990); it is integrated from the nearest of rho = -1, 0, 1.
template <class Value>
Value bivariate_tail(const Value& h, const Value& k, const Value& rho, const Value& root) {
  using std::acos;
  using std::atan2;
  using std::cos;
  using std::exp;
  using std::sin;
  if (rho < 0) {
    return normal_tail(h) - bivariate_tail(h, Value(-k), Value(-rho), root);
  }
  const Value two_pi = 2 * acos(Value(-1));
  if (root < rho) {
    const auto from_one = [&](const Value& t) {  // the angle is pi / 2 - t
      const Value half = sin(t / 2);
      const Value distance = (h - k) / sin(t);
      return Value(exp(-distance * distance / 2 - h * k / (2 * (1 - half * half))));
    };
    const Value at_one = normal_tail(h > k ? h : k);
    return root == 0
               ? at_one
               : Value(at_one - integrate(from_one, Value(0), Value(atan2(root, rho))) / two_pi);
  }
  const auto from_zero = [&](const Value& t) {
    const Value cosine = cos(t);
    return Value(exp(-(h * h - 2 * h * k * sin(t) + k * k) / (2 * cosine * cosine)));
  };
  return normal_tail(h) * normal_tail(k) +
         integrate(from_zero, Value(0), Value(atan2(rho, root))) / two_pi;
}

/// Duals of (u - kink1)+ and (v - kink2)+: with h = kink1 / sqrt(q1), k = kink2 / sqrt(q2),
/// r = sqrt(q1 q2), rho = c / r, s = sqrt(1 - rho^2) and the determinant q1 q2 - c^2 = (r s)^2,
///   F = (c + kink1 kink2) P - kink1 sqrt(q2) phi(k) Phi((rho k - h) / s)
///       - kink2 sqrt(q1) phi(h) Phi((rho h - k) / s) + r s phi(h) phi((k - rho h) / s)
/// and G = P = P(u > kink1, v > kink2).
template <class Value>
Duals<Value> hinge_duals(const Value& q1, const Value& q2, const Value& c, const Value& determinant,
                         const Value& kink1, const Value& kink2) {
  using std::sqrt;
  const Value deviation1 = sqrt(q1);
  const Value deviation2 = sqrt(q2);
  const Value root = determinant > 0 ? Value(sqrt(determinant)) : Value(0);
  const Value h = kink1 / deviation1;
  const Value k = kink2 / deviation2;
  const Value norm = deviation1 * deviation2;
  const auto offset = [&](const Value& numerator, const Value& deviation) {
    if (root == 0) {  // the line is certain to lie on one side, or passes through the corner
      return numerator > 0 ? Value(100) : numerator < 0 ? Value(-100) : Value(0);
    }
    return Value(numerator / (deviation * root));
  };
  const Value h_offset = offset(kink2 * q1 - kink1 * c, deviation1);
  const Value k_offset = offset(kink1 * q2 - kink2 * c, deviation2);
  const Value both = bivariate_tail(h, k, Value(c / norm), Value(root / norm));
  const Value h_density = normal_density(h);
  return {(c + kink1 * kink2) * both -
              kink1 * deviation2 * normal_density(k) * normal_tail(k_offset) -
              kink2 * deviation1 * h_density * normal_tail(h_offset) +
              root * h_density * normal_density(h_offset),
          both};
}

}  // namespace any_precision
}  // namespace ntkflow
