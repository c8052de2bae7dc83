#include "ntkflow/dynamics/training_rule.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

namespace ntkflow {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Values beyond this one count as overflow: their squares, and sums of these, must not.
constexpr double kLargest = 1e120;
constexpr double kMostSteps = 9007199254740992.0;  // 2^53

/// One mode under steps: psi = phi N / eta and its change d = psi_s - psi_{s-1} obey
///
///     d_{s+1} = g d_s + 1 - x psi_s,   psi_{s+1} = psi_s + d_{s+1},   psi_0 = d_0 = 0.
struct Mode {
  double x = 0.0;
  double g = 0.0;
  /// That of the roots -z: 2 + 2g - x, in one rounding.
  [[nodiscard]] Mode reflected() const { return {std::fma(2.0, g, 2.0 - x), g}; }
};

Mode mode_of(const TrainingRule& rule, double lambda, std::int64_t n) {
  const double x = rule.learning_rate * (lambda / static_cast<double>(n));
  switch (rule.optimizer) {
    case Optimizer::heavy_ball:
      return {x, rule.momentum};
    case Optimizer::nesterov:
      return {x, rule.momentum * (1.0 - x)};
    default:
      return {x, 0.0};
  }
}

struct Response {
  double sum = 0.0;   ///< psi_s
  double last = 0.0;  ///< d_s
};

/// psi_s and d_s in O(log s). The s-th power of the matrix that takes (psi, d, 1) one step on is a
/// polynomial in it, so that two numbers determine it, and a product of powers is
///
///     psi_{s+j} = psi_s + psi_j - x psi_s psi_j + g d_s d_j,
///     d_{s+j} = d_s + d_j - x (d_s psi_j + psi_s d_j) - (1 - x - g) d_s d_j.
///
/// With j = s this is Newton's iteration for 1/x where p = 1 - x psi falls monotonically: no digits
/// cancel at any x >= 0, and rounding does not grow. Nothing is divided, so that double roots are
/// like others. Values too large are infinite, which they become under x < 0 alone.
Response direct_response(Mode mode, double steps) {
  const auto [x, g] = mode;
  if (std::isinf(steps)) {
    return {x > 0.0 ? 1.0 / x : kInfinity, 0.0};
  }
  NTKFLOW_EXPECTS(steps >= 0.0 && steps <= kMostSteps, steps);
  const auto count = static_cast<std::uint64_t>(steps);
  Response r;
  for (auto bit = std::bit_width(count); bit > 0; --bit) {
    const double p = 1.0 - x * r.sum;
    const Response twice{r.sum + r.sum * p + g * r.last * r.last,
                         2.0 * r.last * p - (1.0 - x - g) * r.last * r.last};
    r = twice;
    if (((count >> (bit - 1)) & 1U) != 0) {
      r.last = g * r.last + (1.0 - x * r.sum);
      r.sum += r.last;
    }
    if (!(std::abs(r.sum) <= kLargest && std::abs(r.last) <= kLargest)) {
      return {kInfinity, 0.0};
    }
  }
  return r;
}

/// psi_s. Where both roots lie left of the imaginary axis p alternates in sign, and is taken from
/// the mode whose roots are their negatives: p_s = (-1)^s (p'_s + 2 g d'_s).
double step_response(Mode mode, double steps) {
  if (steps == 0.0) {
    return 0.0;
  }
  if (!(mode.x > 1.0 + mode.g)) {
    return direct_response(mode, steps).sum;
  }
  const Mode reflected = mode.reflected();
  if (std::isinf(steps) && !(reflected.x > 0.0)) {
    return kInfinity;
  }
  const Response r = direct_response(reflected, steps);
  const double moved = reflected.x * r.sum - 2.0 * mode.g * r.last;  // 1 - (-1)^s p_s
  const bool is_even = std::isinf(steps) || std::fmod(steps, 2.0) == 0.0;
  if (!std::isfinite(moved)) {
    return is_even ? -kInfinity : kInfinity;
  }
  return (is_even ? moved : 2.0 - moved) / mode.x;
}

/// Magnitudes of both roots of z^2 - (1 - x + g) z + g, and the sine of their angle where they are
/// no real numbers.
struct Roots {
  double large = 0.0;
  double small = 0.0;
  double sine = 0.0;
};

Roots roots_of(Mode mode) {
  const double half = 0.5 * (1.0 - mode.x + mode.g);
  const double discriminant = half * half - mode.g;
  if (discriminant < 0.0) {
    const double magnitude = std::sqrt(mode.g);
    return {magnitude, magnitude, std::sqrt(-discriminant / mode.g)};
  }
  const double large = std::abs(half) + std::sqrt(discriminant);
  return {large, large > 0.0 ? std::abs(mode.g) / large : 0.0, 0.0};
}

/// The largest stable x.
double stable_limit(const TrainingRule& rule) {
  const double beta = rule.momentum;
  switch (rule.optimizer) {
    case Optimizer::flow:
      return kInfinity;
    case Optimizer::gradient_descent:
      return 2.0;
    case Optimizer::heavy_ball:
      return 2.0 * (1.0 + beta);
    case Optimizer::nesterov:
      return 2.0 * (1.0 + beta) / (1.0 + 2.0 * beta);
  }
  return kInfinity;
}

}  // namespace

double flow_filter(double lambda, double t, std::int64_t n) {
  const double rate = t / static_cast<double>(n);
  if (lambda == 0.0) {
    return rate;
  }
  return -std::expm1(-rate * lambda) / lambda;
}

double TrainingRule::time(double point) const {
  return has_steps() && point != 0.0 ? point * learning_rate : point;
}

double TrainingRule::filter(double lambda, double point, std::int64_t n) const {
  if (!has_steps()) {
    return flow_filter(lambda, point, n);
  }
  const double value =
      learning_rate / static_cast<double>(n) * step_response(mode_of(*this, lambda, n), point);
  return std::abs(value) <= kLargest ? value : std::copysign(kInfinity, value);
}

double TrainingRule::residual(double lambda, double point, std::int64_t n) const {
  if (!has_steps()) {  // exp(-0 t) at t = infinity too
    return lambda == 0.0 ? 1.0 : std::exp(-point / static_cast<double>(n) * lambda);
  }
  const Mode mode = mode_of(*this, lambda, n);
  return mode.x == 0.0 ? 1.0 : 1.0 - mode.x * step_response(mode, point);
}

double TrainingRule::stable_learning_rate(double lambda_max) const {
  return lambda_max > 0.0 ? stable_limit(*this) / lambda_max : kInfinity;
}

bool TrainingRule::is_stable(double lambda, std::int64_t n) const {
  return !has_steps() || mode_of(*this, lambda, n).x < stable_limit(*this);
}

double TrainingRule::growth(double lambda, std::int64_t n) const {
  if (!has_steps()) {
    return 1.0;
  }
  const double large = roots_of(mode_of(*this, lambda, n)).large;
  return is_stable(lambda, n) ? std::min(large, 1.0) : large;  // rounding may say otherwise
}

double TrainingRule::transmission(double lambda, double point, double growth,
                                  std::int64_t n) const {
  if (!has_steps()) {
    return lambda > 0.0 ? -std::expm1(-point / static_cast<double>(n) * lambda) : 0.0;
  }
  const Mode mode = mode_of(*this, lambda, n);
  if (!(mode.x > 0.0) || point < 2.0) {
    return 0.0;
  }
  // |d_j| is at most that of real roots of these magnitudes, and at most the magnitude's power over
  // the sine of the angle.
  const Roots roots = roots_of(mode);
  const double large = std::min(roots.large / growth, 1.0);
  const double small = std::min(roots.small / growth, 1.0);
  const auto sum = [&](double first, double second) {
    return direct_response({(1.0 - first) * (1.0 - second), first * second}, point - 1.0).sum;
  };
  double total = sum(large, small);
  if (roots.sine > 0.0) {
    total = std::min(total, sum(large, 0.0) / roots.sine);
  }
  const double ahead = optimizer == Optimizer::nesterov ? 1.0 + 2.0 * momentum : 1.0;
  return ahead * mode.x * total / growth;
}

TrainingRule training_rule(const DynamicsOptions& options, double lambda_max) {
  TrainingRule rule{options.optimizer, options.learning_rate, options.momentum};
  if (rule.has_steps() && options.time_unit == TimeUnit::inverse_lambda_max) {
    rule.learning_rate /= std::max(lambda_max, 0.0);
  }
  return rule;
}

const char* optimizer_text(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::flow:
      return "gradient flow";
    case Optimizer::gradient_descent:
      return "gradient descent";
    case Optimizer::heavy_ball:
      return "heavy-ball momentum";
    case Optimizer::nesterov:
      return "Nesterov's momentum";
  }
  return "";
}

void require_stable(const DynamicsOptions& options, const TrainingRule& rule, double lambda_max) {
  const double limit = rule.stable_learning_rate(lambda_max);
  if (!rule.has_steps() || rule.learning_rate < limit || options.unstable == UnstableRate::run) {
    return;
  }
  const bool is_relative = options.time_unit == TimeUnit::inverse_lambda_max;
  throw ConfigError(fmt::format(
      "dynamics.learning_rate = {:.6g}{} is not below {:.6g}{}, beyond which {} diverges on this "
      "kernel matrix; reduce it, or set dynamics.unstable = \"run\" to see it happen",
      options.learning_rate, is_relative ? "/lambda_max" : "",
      is_relative ? limit / rule.learning_rate * options.learning_rate : limit,
      is_relative ? "/lambda_max" : "", optimizer_text(rule.optimizer)));
}

}  // namespace ntkflow
