#include "named_functions.hpp"

#include <algorithm>
#include <cmath>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {
namespace {

// All are written in e = exp(-|x|) or the like, which neither overflows nor cancels.

Jet tanh_jet(double x) {
  const double e = std::exp(-2.0 * std::abs(x));
  const double cosh_part = 1.0 + e;
  return {std::tanh(x), 4.0 * e / (cosh_part * cosh_part)};
}

/// sigmoid(x) and sigmoid(-x).
struct Sigmoids {
  double here;
  double mirrored;
};

Sigmoids sigmoids(double x) {
  const double e = std::exp(-std::abs(x));
  const double larger = 1.0 / (1.0 + e);
  const double smaller = e / (1.0 + e);
  return x >= 0.0 ? Sigmoids{larger, smaller} : Sigmoids{smaller, larger};
}

Jet sigmoid_jet(double x) {
  const auto [here, mirrored] = sigmoids(x);
  return {here, here * mirrored};
}

Jet softplus_jet(double x) {
  const double e = std::exp(-std::abs(x));
  return {std::max(x, 0.0) + std::log1p(e), (x >= 0.0 ? 1.0 : e) / (1.0 + e)};
}

Jet swish_jet(double x, double slope) {
  const auto [here, mirrored] = sigmoids(slope * x);
  return {x * here, here * (1.0 + slope * x * mirrored)};
}

/// x tanh(softplus(x)) = x n / (n + 2) with n = e^x (e^x + 2).
Jet mish_jet(double x) {
  if (x < 0.0) {
    const double e = std::exp(x);
    const double n = e * (e + 2.0);
    const double factor = n / (n + 2.0);
    return {x * factor, factor + x * 4.0 * e * (e + 1.0) / ((n + 2.0) * (n + 2.0))};
  }
  const double e = std::exp(-x);
  const double whole = 1.0 + 2.0 * e + 2.0 * e * e;
  const double factor = (1.0 + 2.0 * e) / whole;
  return {x * factor, factor + x * 4.0 * e * e * (1.0 + e) / (whole * whole)};
}

constexpr std::array<ParameterRule, 1> kSwishRules{{{"slope", 1.0, -1e3, 1e3}}};

constexpr std::array<NumericalEntry, 6> kEntries{{{"tanh", {}},
                                                  {"sigmoid", {}},
                                                  {"softplus", {}},
                                                  {"silu", {}},
                                                  {"mish", {}},
                                                  {"swish", kSwishRules}}};

}  // namespace

std::span<const NumericalEntry> numerical_entries() {
  return kEntries;
}

std::function<Jet(double)> named_function(int entry, std::span<const std::vector<double>> values) {
  NTKFLOW_EXPECTS(entry >= 0 && entry < static_cast<int>(kEntries.size()), entry);
  NTKFLOW_EXPECTS(values.size() == kEntries[entry].rules.size(), values.size());
  switch (entry) {
    case 0:
      return tanh_jet;
    case 1:
      return sigmoid_jet;
    case 2:
      return softplus_jet;
    case 3:
      return [](double x) { return swish_jet(x, 1.0); };
    case 4:
      return mish_jet;
    default:
      return [slope = values[0].at(0)](double x) { return swish_jet(x, slope); };
  }
}

}  // namespace ntkflow
