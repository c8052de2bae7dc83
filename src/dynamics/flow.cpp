#include "ntkflow/dynamics/flow.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace ntkflow {

std::vector<double> absolute_times(std::vector<double> times, TimeUnit unit, double lambda_max) {
  if (unit == TimeUnit::inverse_lambda_max) {
    for (double& t : times) {
      t = t == 0.0 ? 0.0 : t / std::max(lambda_max, 0.0);
    }
  }
  return times;
}

std::size_t finite_points(const TrainingRule& rule, std::span<const double> points, double largest,
                          std::int64_t n) {
  if (!rule.has_steps()) {
    return points.size();
  }
  const auto end = std::find_if_not(points.begin(), points.end(), [&](double point) {
    return std::isfinite(rule.filter(largest, point, n));
  });
  return static_cast<std::size_t>(end - points.begin());
}

Stability stability_of(const TrainingRule& rule, const TrainedModes& modes) {
  const std::int64_t n = modes.samples;
  Stability result;
  result.stable_learning_rate =
      rule.stable_learning_rate((modes.lambda.back() + modes.ridge) / static_cast<double>(n));
  for (const double lambda : modes.lambda) {
    result.unstable_modes += rule.is_stable(lambda + modes.ridge, n) ? 0 : 1;
  }
  if (result.unstable_modes == 0) {
    return result;
  }
  // N times twice the loss. Modes that are zero to rounding are too slow to matter here.
  const auto loss = [&](double steps) {
    double sum = 0.0;
    for (std::size_t i = 0; i < modes.lambda.size(); ++i) {
      const double lambda = std::max(modes.lambda[i], 0.0);
      const double left =
          lambda > 0.0 ? 1.0 - lambda * rule.filter(lambda + modes.ridge, steps, n) : 1.0;
      sum += modes.energy[i] > 0.0 ? modes.energy[i] * left * left : 0.0;
    }
    return sum;
  };
  constexpr double kMostSteps = 1e15;
  constexpr double kRounding = 1e-12;
  const double start =
      (1.0 + kRounding) * std::accumulate(modes.energy.begin(), modes.energy.end(), 0.0);
  double below = 0.0;
  double above = 1.0;
  while (above < kMostSteps && !(loss(above) > start)) {
    below = above;
    above += std::max(1.0, std::floor(above / 16.0));
  }
  if (above >= kMostSteps) {
    return result;
  }
  while (above - below > 1.0) {
    const double middle = std::floor(0.5 * (below + above));
    (loss(middle) > start ? above : below) = middle;
  }
  result.rises_at = above;
  return result;
}

}  // namespace ntkflow
