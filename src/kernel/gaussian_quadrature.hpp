#pragma once

#include <algorithm>
#include <cmath>
#include <numbers>
#include <span>
#include <vector>

// Expectations under the normal distribution by Gauss-Legendre rules on panels.
namespace ntkflow {

/// Nodes and weights on [-1, 1].
struct LegendreRule {
  std::vector<double> nodes;
  std::vector<double> weights;
};

/// The rule with that many nodes, at most 64. Local.
LegendreRule make_legendre_rule(int size);

/// How finely a panel rule samples: panels no wider than `widest` standard deviations, and at least
/// `pieces` of them between neighbouring cuts.
struct Fineness {
  const LegendreRule* rule;
  double widest = 3.0;
  int pieces = 1;
};

/// Two rules of different order; where they agree, so do both with the integral.
Fineness fine_rule(int level = 0);
Fineness coarse_rule(int level = 0);

/// A part of the standard normal distribution's axis.
struct Reach {
  double lowest = -10.0;
  double highest = 10.0;
};

inline double normal_density(double z) {
  return std::exp(-0.5 * z * z) * (0.5 * std::numbers::sqrt2 * std::numbers::inv_sqrtpi);
}

/// Calls visit(z, weight) for nodes and weights that integrate over `reach`, cut where
/// mean + deviation z is one of `cuts` (ascending). Local. `deviation` > 0.
template <class Visit>
void for_each_node(std::span<const double> cuts, double mean, double deviation, Reach reach,
                   const Fineness& fineness, const Visit& visit) {
  const auto& [rule, widest, least_pieces] = fineness;
  auto cut = std::upper_bound(cuts.begin(), cuts.end(), mean + deviation * reach.lowest);
  double start = reach.lowest;
  while (start < reach.highest) {
    double end = reach.highest;
    if (cut != cuts.end()) {
      end = std::min(end, (*cut++ - mean) / deviation);
    }
    if (!(end > start)) {
      continue;
    }
    const int pieces = std::max(least_pieces, static_cast<int>(std::ceil((end - start) / widest)));
    const double half = 0.5 * (end - start) / pieces;
    for (int piece = 0; piece < pieces; ++piece) {
      const double center = start + (2 * piece + 1) * half;
      for (std::size_t i = 0; i < rule->nodes.size(); ++i) {
        visit(center + half * rule->nodes[i], half * rule->weights[i]);
      }
    }
    start = end;
  }
}

}  // namespace ntkflow
