#include <algorithm>
#include <cmath>
#include <sstream>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

#include "hermite.hpp"
#include "numerical_activation.hpp"
#include "scalar.hpp"

namespace ntkflow {

/// A pair of variances with what follows from their covariance.
struct NumericalActivation::Pair {
  double q1;
  double q2;
  double c;
  double determinant;  ///< q1 q2 - c^2, positive
  double correlation;
  Duals<double> diagonal1;
  Duals<double> diagonal2;
};

namespace {

bool is_finite(const Duals<double>& duals) {
  return std::isfinite(duals.f) && std::isfinite(duals.g);
}

/// What errors refer to. The rounding of s is in s' as that of a change over the deviation.
Duals<double> scale_of(double q1, double q2, const Duals<double>& a, const Duals<double>& b) {
  constexpr double kNoise = 0.1;
  const double f = std::sqrt(a.f) * std::sqrt(b.f);
  const double g = std::sqrt(a.g) * std::sqrt(b.g);
  const double change = q2 == 0.0 ? 0.0 : kNoise * std::sqrt(g * f) / std::pow(q1 * q2, 0.25);
  return {f, std::max(g, change)};
}

/// Kinks, and runs of cuts that are less than a distance apart, each from its first to its last.
std::vector<Reach> steep_zones(std::span<const double> cuts, const std::vector<double>& kinks,
                               double distance) {
  std::vector<Reach> zones;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const bool is_near = i > 0 && cuts[i] - cuts[i - 1] < distance;
    if (is_near && !zones.empty() && zones.back().highest == cuts[i - 1]) {
      zones.back().highest = cuts[i];
    } else if (is_near) {
      zones.push_back({cuts[i - 1], cuts[i]});
    } else if (std::binary_search(kinks.begin(), kinks.end(), cuts[i])) {
      zones.push_back({cuts[i], cuts[i]});
    }
  }
  return zones;
}

/// Asks for finer and finer rules until two of different order agree.
template <class Integral>
Duals<double> refine(const Duals<double>& scale, const Integral& integral) {
  constexpr int kFinest = 4;
  constexpr double kTolerance = NumericalActivation::kDualTolerance;
  double error = 0.0;
  for (int level = 0; level <= kFinest; ++level) {
    const Duals<double> coarse = integral(coarse_rule(level), level);
    const Duals<double> fine = integral(fine_rule(level), level + 1);
    const double error_f = std::abs(fine.f - coarse.f);
    const double error_g = std::abs(fine.g - coarse.g);
    if (error_f <= kTolerance * scale.f && error_g <= kTolerance * scale.g) {
      return fine;
    }
    error = std::max(error_f / scale.f, error_g / scale.g);
  }
  std::ostringstream message;
  message << "the duals of the activation could not be computed: quadrature rules still differ by "
          << error << " of the largest possible value";
  throw NumericalError(message.str());
}

}  // namespace

Duals<double> NumericalActivation::duals(double q1, double q2, double c) const {
  NTKFLOW_EXPECTS(q1 >= 0.0 && q2 >= 0.0, q1, q2);
  if (std::isnan(c)) {
    return {c, c};
  }
  if (q1 < q2) {
    std::swap(q1, q2);
  }
  if (q1 == 0.0) {
    return diagonal(0.0);
  }
  const Pair pair{q1,
                  q2,
                  c,
                  scalar::difference_of_products(q1, q2, c, c),
                  q2 == 0.0 ? 0.0 : c / std::sqrt(q1) / std::sqrt(q2),
                  diagonal(q1),
                  diagonal(q2)};
  if (!is_finite(pair.diagonal1) || !is_finite(pair.diagonal2)) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    return {kInfinity, kInfinity};
  }
  const Duals<double> scale = scale_of(q1, q2, pair.diagonal1, pair.diagonal2);
  if (q2 > 0.0 && pair.determinant <= 0.0) {
    return refine(scale, [&](const Fineness& fineness, int /*range*/) {
      return line(q1, q2, c < 0.0 ? -1.0 : 1.0, fineness);
    });
  }
  if (const auto found = series(pair)) {
    return *found;
  }
  const Reach outer = reach(q1, pair.diagonal1);
  return refine(scale, [&](const Fineness& fineness, int range) {
    const double farthest = std::min(37.0, 9.0 + 1.0 * range * range);
    return plane(pair, outer, {-farthest, farthest}, fineness);
  });
}

/// E[s(u) s(v)] with v = sign sqrt(q2 / q1) u.
Duals<double> NumericalActivation::line(double q1, double q2, double sign,
                                        const Fineness& fineness) const {
  const double deviation1 = std::sqrt(q1);
  const double deviation2 = sign * std::sqrt(q2);
  std::vector<double> all;
  for (const double cut : cuts()) {
    all.push_back(cut / deviation1);
    all.push_back(cut / deviation2);
  }
  std::sort(all.begin(), all.end());
  Duals<double> sum{0.0, 0.0};
  for_each_node(all, 0.0, 1.0, reach(q1, diagonal(q1)), fineness, [&](double z, double weight) {
    const Jet u = jet_(deviation1 * z);
    const Jet v = jet_(deviation2 * z);
    const double density = weight * normal_density(z);
    sum.f += density * u.value * v.value;
    sum.g += density * u.derivative * v.derivative;
  });
  return sum;
}

/// F = sum a_k(q1) a_k(q2) rho^k, and G with the coefficients of s' (Mehler 1866). What is left out
/// after n terms is at most |rho|^n times the roots of both tails of Parseval's sums.
std::optional<Duals<double>> NumericalActivation::series(const Pair& pair) const {
  constexpr int kMost = 1024;
  constexpr int kMostWithKinks = 384;
  constexpr double kNegligible = 1e-14;
  const double rho = pair.correlation;
  const int most = kinks_.empty() ? kMost : kMostWithKinks;
  if (!kinks_.empty() && most * std::log(std::abs(rho)) > std::log(kNegligible)) {
    return std::nullopt;
  }
  for (int size = 48; size <= most; size *= 2) {
    const HermiteExpansion first = expand_hermite(*this, pair.q1, size);
    const HermiteExpansion second =
        pair.q2 == pair.q1 ? first : expand_hermite(*this, pair.q2, size);
    const double power = std::pow(std::abs(rho), size);
    const double left = power * std::max(std::sqrt(first.value_tail * second.value_tail),
                                         std::sqrt(first.slope_tail * second.slope_tail));
    if (left <= kNegligible) {
      Duals<double> sum{0.0, 0.0};
      for (int k = size; k-- > 0;) {
        sum.f = sum.f * rho + first.value[k] * second.value[k];
        sum.g = sum.g * rho + first.slope[k] * second.slope[k];
      }
      return sum;
    }
    // A geometric tail is squared when the terms double in number.
    if (std::pow(left, static_cast<double>(most) / size) > kNegligible) {
      return std::nullopt;
    }
  }
  return std::nullopt;
}

/// E[s(u) E[s(v) | u]]: for each node of u a rule over v ~ N(c u / q1, (q1 q2 - c^2) / q1).
Duals<double> NumericalActivation::plane(const Pair& pair, Reach outer, Reach inner,
                                         const Fineness& fineness) const {
  const double deviation = std::sqrt(pair.q1);
  const double slope = pair.c / deviation;
  const double spread = std::sqrt(pair.determinant / pair.q1);
  std::vector<double> all;
  for (const double cut : cuts()) {
    all.push_back(cut / deviation);
    if (slope != 0.0) {
      all.push_back(cut / slope);
    }
  }
  // Features narrower than the conditional deviation are seen smoothed over it.
  for (const Reach& zone : steep_zones(cuts(), kinks_, spread)) {
    for (const double distance : {2.5, 5.0, 8.5, 12.0}) {
      if (slope != 0.0) {
        all.push_back((zone.lowest - distance * spread) / slope);
        all.push_back((zone.highest + distance * spread) / slope);
      }
    }
  }
  std::sort(all.begin(), all.end());
  Duals<double> sum{0.0, 0.0};
  for_each_node(all, 0.0, 1.0, outer, fineness, [&](double z, double weight) {
    const double mean = slope * z;
    Duals<double> conditional{0.0, 0.0};
    for_each_node(cuts(), mean, spread, inner, fineness, [&](double w, double inner_weight) {
      const Jet v = jet_(mean + spread * w);
      const double density = inner_weight * normal_density(w);
      conditional.f += density * v.value;
      conditional.g += density * v.derivative;
    });
    const Jet u = jet_(deviation * z);
    const double density = weight * normal_density(z);
    sum.f += density * u.value * conditional.f;
    sum.g += density * u.derivative * conditional.g;
  });
  return sum;
}

}  // namespace ntkflow
