#include "width_powers.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ntkflow/kernel/activation_function.hpp>

namespace ntkflow {

namespace {

/// Whether sigma' jumps within eight standard deviations of standard pre-activations, by a part of
/// its largest value that could be felt.
bool has_jump_in_slope(const ActivationFunction& activation) {
  constexpr int kPoints = 1 << 18;
  constexpr double kReach = 8.0;
  constexpr double kFelt = 0.02;
  std::vector<double> x(kPoints);
  for (int i = 0; i < kPoints; ++i) {
    x[static_cast<std::size_t>(i)] = kReach * (2.0 * (i + 0.5) / kPoints - 1.0);
  }
  std::vector<double> slope(kPoints);
  activation.apply(x, slope);
  double largest = 0.0;
  double step = 0.0;
  for (std::size_t i = 1; i < slope.size(); ++i) {
    largest = std::max(largest, std::abs(slope[i]));
    step = std::max(step, std::abs(slope[i] - slope[i - 1]));
  }
  return step > kFelt * largest;
}

}  // namespace

WidthPowers width_powers(const ActivationSpec& activation) {
  WidthPowers powers;
  if (has_jump_in_slope(ActivationFunction(activation))) {
    powers.kernel_drift = -0.75;
    powers.jacobian_change = -0.25;
  }
  return powers;
}

}  // namespace ntkflow
