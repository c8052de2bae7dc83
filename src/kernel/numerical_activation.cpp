#include "numerical_activation.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/expression.hpp>

#include "kinks.hpp"

namespace ntkflow {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

}  // namespace

NumericalActivation::NumericalActivation(std::function<Jet(double)> jet, SmoothPanels panels,
                                         std::vector<double> kinks, bool is_represented)
    : jet_(std::move(jet)),
      panels_(std::move(panels)),
      kinks_(std::move(kinks)),
      is_represented_(is_represented) {
  const std::vector<Panel>& all = panels_.panels();
  for (std::size_t i = 1; i < all.size(); ++i) {
    const double x = all[i].lowest;
    constexpr double kSmallestJump = 1e-11;  // of the function's scale there
    if (std::binary_search(kinks_.begin(), kinks_.end(), x) &&
        std::abs(all[i](x).value - all[i - 1](x).value) > kSmallestJump * all[i].scale) {
      has_jump_ = true;
    }
  }
}

std::shared_ptr<const NumericalActivation> NumericalActivation::named(
    int entry, std::span<const std::vector<double>> parameters) {
  const auto jet = named_function(entry, parameters);
  SmoothPanels panels([&jet](double x) { return jet(x).value; }, {});
  return std::shared_ptr<const NumericalActivation>(
      new NumericalActivation(jet, std::move(panels), {}, false));
}

std::shared_ptr<const NumericalActivation> NumericalActivation::from_expression(
    const std::string& text, const std::optional<std::vector<double>>& kinks) {
  const auto expression = std::make_shared<Expression>(text, std::vector<std::string>{"x"});
  if (expression->columns() != 1) {
    throw ConfigError("\"" + text + "\" has " + std::to_string(expression->columns()) +
                      " values; an activation has one");
  }
  const ScalarFunction s = [&expression](double x) {
    double value = 0.0;
    expression->variables()[0] = x;
    expression->evaluate({&value, 1});
    return value;
  };
  try {
    std::vector<double> all;
    if (kinks) {
      all = *kinks;
      std::sort(all.begin(), all.end());
      if (!std::all_of(all.begin(), all.end(), [](double x) { return std::isfinite(x); }) ||
          std::adjacent_find(all.begin(), all.end()) != all.end()) {
        throw ConfigError("has kinks that are not finite or given twice");
      }
      check_kinks(s, all);
    } else {
      all = find_kinks(s);
    }
    const SmoothPanels panels(s, all);
    return std::shared_ptr<const NumericalActivation>(
        new NumericalActivation(panels, panels, std::move(all), true));
  } catch (const ConfigError& error) {
    throw ConfigError("\"" + text + "\" " + error.what());
  }
}

Duals<double> NumericalActivation::diagonal(double q, const Fineness& fineness) const {
  const double deviation = std::sqrt(q);
  const auto integrate = [&](Reach part) {
    Duals<double> sum{0.0, 0.0};
    for_each_node(cuts(), 0.0, deviation, part, fineness, [&](double z, double weight) {
      const Jet s = jet_(deviation * z);
      const double density = weight * normal_density(z);
      sum.f += density * s.value * s.value;
      sum.g += density * s.derivative * s.derivative;
    });
    return sum;
  };
  constexpr double kCore = 9.5;
  constexpr double kFarthest = 37.5;  // the density of z underflows at 38.6
  constexpr double kStep = 4.0;
  Duals<double> total = integrate({-kCore, kCore});
  for (const double side : {-1.0, 1.0}) {
    for (double start = kCore; !is_negligible(side * start, deviation, total, 1e-16);
         start += kStep) {
      if (start >= kFarthest) {
        constexpr double kInfinity = std::numeric_limits<double>::infinity();
        return {kInfinity, kInfinity};
      }
      const double end = start + kStep;
      const Duals<double> more = integrate(side < 0.0 ? Reach{-end, -start} : Reach{start, end});
      total.f += more.f;
      total.g += more.g;
    }
  }
  return total;
}

bool NumericalActivation::is_negligible(double z, double deviation, const Duals<double>& whole,
                                        double part) const {
  const Jet s = jet_(deviation * z);
  const double density = normal_density(z);
  return density * s.value * s.value <= part * whole.f &&
         density * s.derivative * s.derivative <= part * whole.g;
}

Duals<double> NumericalActivation::diagonal(double q) const {
  NTKFLOW_EXPECTS(q >= 0.0, q);
  if (q == 0.0) {
    // The limit of small variances: both sides of 0, equally often.
    const Jet left = jet_(-std::numeric_limits<double>::min());
    const Jet right = jet_(std::numeric_limits<double>::min());
    return {0.5 * (left.value * left.value + right.value * right.value),
            0.5 * (left.derivative * left.derivative + right.derivative * right.derivative)};
  }
  return diagonal(q, fine_rule());
}

Reach NumericalActivation::reach(double q, const Duals<double>& diagonal) const {
  const double deviation = std::sqrt(q);
  constexpr double kNegligible = 1e-34;
  constexpr double kFarthest = 37.0;
  constexpr double kStep = 0.5;
  Reach reach{-kFarthest, kFarthest};
  while (reach.highest > 1.0 &&
         is_negligible(reach.highest - kStep, deviation, diagonal, kNegligible)) {
    reach.highest -= kStep;
  }
  while (reach.lowest < -1.0 &&
         is_negligible(reach.lowest + kStep, deviation, diagonal, kNegligible)) {
    reach.lowest += kStep;
  }
  return reach;
}

double NumericalActivation::error_bound(double q) const {
  const Duals<double> coarse = diagonal(q);
  if (q == 0.0 || !(std::isfinite(coarse.f) && std::isfinite(coarse.g)) || coarse.f == 0.0) {
    return std::isfinite(coarse.f) ? 2.0 * kEpsilon : std::numeric_limits<double>::infinity();
  }
  const Duals<double> fine = diagonal(q, fine_rule(1));
  double bound = std::abs(fine.f - coarse.f) / fine.f;
  if (fine.g > 0.0) {
    bound = std::max(bound, std::abs(fine.g - coarse.g) / fine.g);
  }
  const double deviation = std::sqrt(q);
  double value = 0.0;
  double slope = 0.0;
  double product = 0.0;
  std::array<double, 2> moments{};  // of z s and z s^2
  double scale = 0.0;               // E of the squared scale that the representation refers to
  for_each_node(cuts(), 0.0, deviation, reach(q, fine), fine_rule(1), [&](double z, double weight) {
    const Jet s = jet_(deviation * z);
    const double density = weight * normal_density(z);
    value += density * s.value;
    slope += density * s.derivative;
    product += density * s.value * s.derivative;
    moments[0] += density * z * s.value;
    moments[1] += density * z * s.value * s.value;
    const double size = is_represented_ ? panels_.scale(deviation * z) : 0.0;
    scale += density * size * size;
  });
  bound = std::max(bound, 2.0 * SmoothPanels::kTolerance * std::sqrt(scale / fine.f));
  if (!has_jump_ && fine.g > 0.0) {
    const double first = std::abs(moments[0] / deviation - slope) / std::sqrt(fine.g);
    const double second =
        std::abs(0.5 * moments[1] / deviation - product) / std::sqrt(fine.f * fine.g);
    // Where E s^2 is large beside q E s'^2, the identities' own rounding is too.
    const double rounding = 8.0 * kEpsilon * std::sqrt(fine.f / (q * fine.g));
    bound = std::max({bound, first - rounding, second - rounding});
  }
  return bound + 16.0 * kEpsilon;
}

}  // namespace ntkflow
