#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

#include "activation.hpp"
#include "gauss_rule.hpp"
#include "normal.hpp"

// Duals of pairs with correlation close to 1 or -1: what the activations' `near` share. The
// covariance is +-(sqrt(q1 q2) - gap); (u, v) is (a x, b x) at the end, gap = 0, with x ~ N(0, 1),
// a = sqrt(q1) and b = +-sqrt(q2).
namespace ntkflow {

/// Nodes x and weights for means over x ~ N(0, 1) of functions that are smooth between breaks.
struct NormalRule {
  std::vector<double> nodes;
  std::vector<double> weights;
};

inline NormalRule normal_rule(std::vector<double> breaks) {
  constexpr double kFar = 9.5;  // the tails beyond have 2e-21
  static constexpr auto kRule = gauss_rule<double, 16>();
  breaks.insert(breaks.end(), {-kFar, -4.5, 0.0, 4.5, kFar});
  std::sort(breaks.begin(), breaks.end());
  NormalRule rule;
  for (std::size_t piece = 0; piece + 1 < breaks.size(); ++piece) {
    const double begin = std::clamp(breaks[piece], -kFar, kFar);
    const double length = std::clamp(breaks[piece + 1], -kFar, kFar) - begin;
    if (length > 0.0) {
      for (std::size_t i = 0; i < kRule.nodes.size(); ++i) {
        const double x = begin + length * kRule.nodes[i];
        rule.nodes.push_back(x);
        rule.weights.push_back(length * kRule.weights[i] * normal_density(x));
      }
    }
  }
  return rule;
}

/// F at the end, and how far it stays from its bound there: sqrt(F11 F22) - |F|.
struct EndCovariance {
  double f;
  double deficit;
};

/// `f1` and `f2` are E s(a x)^2 and E s(b x)^2. By Lagrange's identity f1 f2 - F^2 is half the mean
/// of (s(a x) s(b y) - s(a y) s(b x))^2 over independent x, y, which does not cancel.
template <class Function>
EndCovariance end_covariance(const Function& s, double a, double b, double f1, double f2,
                             const std::vector<double>& breaks) {
  if (a == b) {
    return {f1, 0.0};
  }
  const NormalRule rule = normal_rule(breaks);
  const std::size_t count = rule.nodes.size();
  std::vector<double> first(count);
  std::vector<double> second(count);
  double f = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    first[i] = s(a * rule.nodes[i]);
    second[i] = s(b * rule.nodes[i]);
    f += rule.weights[i] * first[i] * second[i];
  }
  double squares = 0.0;
  for (std::size_t i = 0; i < count; ++i) {
    double row = 0.0;
    for (std::size_t j = 0; j < i; ++j) {
      const double difference = first[i] * second[j] - first[j] * second[i];
      row += rule.weights[j] * difference * difference;
    }
    squares += rule.weights[i] * row;
  }
  const double bound = std::sqrt(f1 * f2);
  return {f, bound > 0.0 ? squares / (bound + std::abs(f)) : 0.0};
}

/// The duals from the end's values and from how far F and G are from them.
inline NearDuals near_duals(const EndCovariance& end, double end_g, const Duals<double>& change) {
  const double outwards = end.f < 0.0 ? -change.f : change.f;
  return {end.f + change.f, end_g + change.g, end.deficit - outwards};
}

/// The angle t between correlation c / sqrt(q1 q2) and the nearer end.
inline double angle_to_end(double norm, double gap) {
  return std::atan2(std::sqrt(gap * (norm + (norm - gap))), norm - gap);
}

/// Where the derivative of a piecewise linear function changes, and by how much.
struct Kink {
  double at;
  double jump;
};

/// For piecewise linear s: E[s''(u) s''(v)] is the sum over pairs of kinks of the jumps' product
/// times the density of (u, v) there, and per angle t from the end, with h = kink / a and
/// k = kink' / b, exp(-(h - k)^2 / (2 sin^2 t) - h k / (1 + cos t)) / 2 pi. F and G are integrals
/// of that sum from the end. `end_g` is G at the end. Relative errors below 1e-13, cost below 100
/// microseconds.
template <class Function, std::size_t kCount>
NearDuals near_piecewise_linear(const Function& s, const std::array<Kink, kCount>& kinks, double a,
                                double b, double gap, double f1, double f2, double end_g) {
  std::vector<double> breaks;
  for (const Kink& kink : kinks) {
    breaks.push_back(kink.at / a);
    breaks.push_back(kink.at / b);
  }
  const double norm = a * std::abs(b);
  const double end = angle_to_end(norm, gap);
  const auto density = [&](double t) {
    const double sine = std::sin(t);
    const double half = std::sin(t / 2.0);
    double sum = 0.0;
    for (const Kink& first : kinks) {
      for (const Kink& second : kinks) {
        const double h = first.at / a;
        const double k = second.at / b;
        const double distance = (h - k) / sine;
        sum += first.jump * second.jump *
               std::exp(-distance * distance / 2.0 - h * k / (2.0 * (1.0 - half * half)));
      }
    }
    return sum * (0.5 * std::numbers::inv_pi);
  };
  const auto moment = [&](double t) {
    return 2.0 * norm * std::sin((end + t) / 2.0) * std::sin((end - t) / 2.0) * density(t);
  };
  double turned_g = 0.0;
  double turned_f = 0.0;
  if (end > 0.0) {
    turned_g = any_precision::integrate(density, 0.0, end);
    turned_f = any_precision::integrate(moment, 0.0, end);
  }
  const double side = b > 0.0 ? -1.0 : 1.0;  // of c, seen from the end
  const Duals<double> change{side * end_g * gap + turned_f, side * turned_g};
  return near_duals(end_covariance(s, a, b, f1, f2, breaks), end_g, change);
}

}  // namespace ntkflow
