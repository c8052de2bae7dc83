#pragma once

#include <cstdint>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <boost/math/constants/constants.hpp>
#include <gtest/gtest.h>

#include <ntkflow/kernel/architecture.hpp>

#include "example_activations.hpp"

// The duals and the recursion once more, in 50 decimal digits and apart from the library's code.
namespace ntkflow::test {

struct ExactDuals {
  Digits50 f;
  Digits50 g;
};

inline ExactDuals exact_duals(const ActivationSpec& spec, const Digits50& q1, const Digits50& q2,
                              const Digits50& c) {
  const std::string& activation = spec.name;
  const Digits50 pi = boost::math::constants::pi<Digits50>();
  if (activation == "relu") {
    if (q1 == c && q2 == c) {
      return {c / 2, Digits50(0.5)};  // spares the arccos of 1
    }
    const Digits50 norm = sqrt(q1 * q2);
    const Digits50 ratio = norm == 0 ? Digits50(0) : Digits50(c / norm);
    const Digits50 theta = acos(ratio > 1 ? Digits50(1) : ratio < -1 ? Digits50(-1) : ratio);
    return {norm * (sin(theta) + (pi - theta) * cos(theta)) / (2 * pi), (pi - theta) / (2 * pi)};
  }
  if (activation == "erf") {
    const Digits50 r = (1 + 2 * q1) * (1 + 2 * q2);
    return {2 / pi * asin(2 * c / sqrt(r)), 4 / (pi * sqrt(r - 4 * c * c))};
  }
  return {c, Digits50(1)};
}

struct ExactKernels {
  Digits50 nngp;
  Digits50 ntk;
  double closest = 0.0;  // the largest |correlation| met in any layer but the last
};

/// Numerics as in Jacot, Gabriel, Hongler (2018), from exact x.x, y.y and x.y.
inline ExactKernels exact_kernels(const Architecture& architecture, std::int64_t dimension,
                                  const Digits50& xx, const Digits50& yy, const Digits50& xy) {
  const Digits50 weight = architecture.weight_variance;
  const Digits50 bias = architecture.bias_variance;
  const Digits50 scale = architecture.first_layer == FirstLayer::normalised
                             ? Digits50(weight / static_cast<double>(dimension))
                             : Digits50(1);
  Digits50 q1 = scale * xx + bias;
  Digits50 q2 = scale * yy + bias;
  Digits50 c = scale * xy + bias;
  Digits50 theta = c;
  double closest = 0.0;
  for (int layer = 2; layer <= architecture.depth; ++layer) {
    const ActivationSpec& spec = architecture.activation;
    closest = std::max(closest, static_cast<double>(abs(c) / sqrt(q1 * q2)));
    const ExactDuals duals = exact_duals(spec, q1, q2, c);
    c = weight * duals.f + bias;
    theta = c + weight * duals.g * theta;
    q1 = weight * exact_duals(spec, q1, q1, q1).f + bias;
    q2 = weight * exact_duals(spec, q2, q2, q2).f + bias;
  }
  return {c, theta, closest};
}

/// |value - exact| / |exact|; 0 when both are 0.
inline double relative_error(double value, const Digits50& exact) {
  if (exact == 0) {
    return value == 0.0 ? 0.0 : HUGE_VAL;
  }
  return static_cast<double>(abs((value - exact) / exact));
}

/// A row of the table of high-precision duals.
struct TableRow {
  std::string activation;
  double q1 = 0.0;
  double q2 = 0.0;
  double c = 0.0;
  Digits50 f;
  Digits50 g;

  [[nodiscard]] double correlation() const { return c / std::sqrt(q1 * q2); }
};

inline std::vector<TableRow> read_dual_table(const std::string& path) {
  std::ifstream file(path);
  std::vector<TableRow> rows;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with('#') || line.starts_with("activation,")) {
      continue;
    }
    std::istringstream fields(line);
    std::string field[6];
    for (std::string& text : field) {
      std::getline(fields, text, ',');
    }
    rows.push_back({field[0], std::stod(field[1]), std::stod(field[2]), std::stod(field[3]),
                    Digits50(field[4]), Digits50(field[5])});
  }
  return rows;
}

}  // namespace ntkflow::test
