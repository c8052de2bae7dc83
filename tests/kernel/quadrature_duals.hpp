#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <boost/math/quadrature/gauss.hpp>

#include "example_activations.hpp"

// Duals without a closed form, in long double and apart from the library's methods.
namespace ntkflow::test {

struct WideDuals {
  long double f = 0.0L;
  long double g = 0.0L;
};

/// Density of the standard normal distribution.
inline long double wide_density(long double z) {
  return std::exp(-0.5L * z * z) * std::numbers::inv_sqrtpi_v<long double> /
         std::numbers::sqrt2_v<long double>;
}

/// u and v as combinations of independent standard normal variables:
/// u = deviation z, v = slope z + spread w.
struct Whitened {
  long double deviation;
  long double slope;
  long double spread;

  Whitened(long double q1, long double q2, long double c)
      : deviation(std::sqrt(q1)),
        slope(q1 == 0.0L ? 0.0L : c / deviation),
        // Equal samples, but for the rounding of their product.
        spread(std::sqrt(std::max(q1 * q2 - c * c, 0.0L)) / (q1 == 0.0L ? 1.0L : deviation)) {}
};

/// F and G by the trapezoid rule over z and w, which for a smooth s converges geometrically; the
/// nodes end where the density is below 1e-21 of its largest value.
template <class Function>
WideDuals trapezoid_duals(const Function& s, long double q1, long double q2, long double c,
                          long double step = 0.125L) {
  constexpr long double kReach = 10.0L;
  const auto [deviation, slope, spread] = Whitened(q1, q2, c);
  const auto nodes = static_cast<int>(kReach / step);
  WideDuals sum;
  const auto add_line = [&](int i, int most) {
    const long double z = i * step;
    WideDuals inner;
    for (int j = -most; j <= most; ++j) {
      const auto jet = s(Differentiable<long double>(slope * z + spread * (j * step), 1.0L));
      const long double weight = most == 0 ? 1.0L : step * wide_density(j * step);
      inner.f += weight * jet.value;
      inner.g += weight * jet.slope;
    }
    const auto jet = s(Differentiable<long double>(deviation * z, 1.0L));
    const long double weight = step * wide_density(z);
    sum.f += weight * jet.value * inner.f;
    sum.g += weight * jet.slope * inner.g;
  };
  for (int i = -nodes; i <= nodes; ++i) {
    const auto square = static_cast<double>(nodes) * nodes - static_cast<double>(i) * i;
    add_line(i, spread == 0.0L ? 0 : static_cast<int>(std::sqrt(square)));
  }
  return sum;
}

/// s(x) = constant + linear x + exponential e^x between two points.
struct Piece {
  long double lowest;
  long double highest;
  long double constant;
  long double linear;
  long double exponential;

  [[nodiscard]] WideDuals at(long double x) const {
    const long double power = exponential == 0.0L ? 0.0L : exponential * std::exp(x);
    return {constant + linear * x + power, linear + power};
  }

  /// E[s(v)] and E[s'(v)] over this piece alone, v ~ N(mean, spread^2).
  [[nodiscard]] WideDuals mean(long double center, long double spread) const {
    const auto share = [](long double from, long double to) {  // of the normal distribution
      const long double root = std::numbers::sqrt2_v<long double>;
      return from > 0.0L ? (std::erfc(from / root) - std::erfc(to / root)) / 2
                         : (std::erfc(-to / root) - std::erfc(-from / root)) / 2;
    };
    const long double from = (lowest - center) / spread;
    const long double to = (highest - center) / spread;
    const long double inside = share(from, to);
    const long double rise = wide_density(from) - wide_density(to);
    const long double power = exponential == 0.0L
                                  ? 0.0L
                                  : exponential * std::exp(center + spread * spread / 2) *
                                        share(from - spread, to - spread);
    return {constant * inside + linear * (center * inside + spread * rise) + power,
            linear * inside + power};
  }
};

/// F and G of a piecewise function: the mean over w of each piece is elementary, that over z is
/// taken by Gauss-Legendre rules on panels, cut at the kinks of s(u) and, for the mean over w,
/// which shows the kinks smoothed by the spread, at multiples of it.
inline WideDuals piecewise_duals(const std::vector<Piece>& pieces, long double q1, long double q2,
                                 long double c) {
  const auto [deviation, slope, spread] = Whitened(q1, q2, c);
  std::vector<long double> cuts;
  for (int edge = -26; edge <= 26; ++edge) {
    cuts.push_back(0.5L * edge);
  }
  for (const Piece& piece : pieces) {
    if (!std::isfinite(piece.highest)) {
      continue;
    }
    cuts.push_back(piece.highest / deviation);
    for (const int distance : {-10, -7, -5, -3, -1, 0, 1, 3, 5, 7, 10}) {
      if (slope != 0.0L) {
        cuts.push_back((piece.highest + distance * spread) / slope);
      }
    }
  }
  std::sort(cuts.begin(), cuts.end());
  const auto value = [&](long double x) {
    for (const Piece& piece : pieces) {
      if (x < piece.highest) {
        return piece.at(x);
      }
    }
    return pieces.back().at(x);
  };
  WideDuals sum;
  for (std::size_t k = 1; k < cuts.size(); ++k) {
    const long double center = (cuts[k] + cuts[k - 1]) / 2;
    const long double half = (cuts[k] - cuts[k - 1]) / 2;
    if (half <= 0.0L || std::abs(center) > 13.0L) {
      continue;
    }
    using Rule = boost::math::quadrature::gauss<long double, 20>;
    for (std::size_t n = 0; n < 2 * Rule::abscissa().size(); ++n) {
      const long double side = n % 2 == 0 ? 1.0L : -1.0L;
      const long double z = center + side * half * Rule::abscissa()[n / 2];
      const long double weight = half * Rule::weights()[n / 2] * wide_density(z);
      const WideDuals u = value(deviation * z);
      WideDuals v;
      if (spread == 0.0L) {
        v = value(slope * z);
      } else {
        for (const Piece& piece : pieces) {
          const WideDuals part = piece.mean(slope * z, spread);
          v.f += part.f;
          v.g += part.g;
        }
      }
      sum.f += weight * u.f * v.f;
      sum.g += weight * u.g * v.g;
    }
  }
  return sum;
}

/// The pieces of the activations whose duals need the normal distribution function, from left to
/// right; none of others.
inline std::vector<Piece> pieces_of(const ActivationSpec& spec) {
  constexpr long double kInfinity = std::numeric_limits<long double>::infinity();
  const auto clamp = [](long double from, long double to, long double low, long double offset,
                        long double slope, long double high) {
    return std::vector<Piece>{
        {-kInfinity, from, low, 0, 0}, {from, to, offset, slope, 0}, {to, kInfinity, high, 0, 0}};
  };
  const auto elu = [](long double scale, long double alpha) {
    return std::vector<Piece>{{-kInfinity, 0, -scale * alpha, 0, scale * alpha},
                              {0, kInfinity, 0, scale, 0}};
  };
  if (spec.name == "hard_tanh") {
    return clamp(-1, 1, -1, 0, 1, 1);
  }
  if (spec.name == "hard_sigmoid") {
    return clamp(-3, 3, 0, 0.5L, 1.0L / 6.0L, 1);
  }
  if (spec.name == "relu6") {
    return clamp(0, 6, 0, 0, 1, 6);
  }
  if (spec.name == "elu") {
    return elu(1, spec.parameters.empty() ? 1.0 : spec.parameters.front().values.front());
  }
  if (spec.name == "selu") {
    return elu(kSeluScale, kSeluAlpha);
  }
  return {};
}

}  // namespace ntkflow::test
