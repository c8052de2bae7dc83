#pragma once

#include <cstdint>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <boost/math/constants/constants.hpp>
#include <gtest/gtest.h>

#include <ntkflow/kernel/architecture.hpp>

#include "example_activations.hpp"
#include "quadrature_duals.hpp"

// The duals and the recursion once more, in 50 decimal digits, or in long double where that takes a
// quadrature, and apart from the library's code.
namespace ntkflow::test {

struct ExactDuals {
  Digits50 f;
  Digits50 g;
};

/// The first value of a parameter of a spec.
inline double parameter_of(const ActivationSpec& spec, const std::string& name, double fallback) {
  for (const auto& parameter : spec.parameters) {
    if (parameter.name == name) {
      return parameter.values.front();
    }
  }
  return fallback;
}

/// |x| and sign(x), the even and odd parts of all activations with a kink at 0.
inline ExactDuals exact_abs(const Digits50& q1, const Digits50& q2, const Digits50& c) {
  const Digits50 half_pi = boost::math::constants::half_pi<Digits50>();
  const Digits50 norm = sqrt(q1 * q2);
  if (norm == 0) {
    return {Digits50(0), Digits50(0)};
  }
  const Digits50 ratio = c / norm;
  const Digits50 angle = ratio >= 1 ? half_pi : ratio <= -1 ? Digits50(-half_pi) : asin(ratio);
  const Digits50 root = sqrt(std::max(Digits50(q1 * q2 - c * c), Digits50(0)));
  return {(root + c * angle) / half_pi, angle / half_pi};
}

/// With the even part k |x| and the odd part l x.
inline ExactDuals exact_two_slopes(double a, double b, const Digits50& q1, const Digits50& q2,
                                   const Digits50& c) {
  const Digits50 even = (Digits50(b) - a) / 2;
  const Digits50 odd = (Digits50(b) + a) / 2;
  const ExactDuals duals = exact_abs(q1, q2, c);
  return {odd * odd * c + even * even * duals.f, odd * odd + even * even * duals.g};
}

/// Stein's identity, twice for each factor of s(u) s(v) = u v Phi(u) Phi(v).
inline Digits50 exact_gelu(const Digits50& q1, const Digits50& q2, const Digits50& c) {
  const Digits50 two_pi = boost::math::constants::two_pi<Digits50>();
  const Digits50 r = (1 + q1) * (1 + q2);
  const Digits50 orthant = Digits50(1) / 4 + asin(c / sqrt(r)) / two_pi;
  const Digits50 moments = q1 * q2 + c * c * (1 - q1 / (1 + q1) - q2 / (1 + q2));
  return c * orthant + moments / (two_pi * sqrt(r - c * c));
}

/// sin(w x + phase), from E[cos(z + a)] = cos(a) exp(-Var(z) / 2).
inline ExactDuals exact_sine(double frequency, const Digits50& phase, const Digits50& q1,
                             const Digits50& q2, const Digits50& c) {
  const Digits50 square = Digits50(frequency) * frequency;
  const Digits50 difference = exp(-square * (q1 + q2 - 2 * c) / 2);
  const Digits50 sum = cos(2 * phase) * exp(-square * (q1 + q2 + 2 * c) / 2);
  return {(difference - sum) / 2, square * (difference + sum) / 2};
}

/// E[u^n v^n; u > 0, v > 0]. The recurrence of Cho, Saul (2009) cancels towards correlation -1,
/// where the hypergeometric series takes over.
inline Digits50 exact_orthant_moment(int n, const Digits50& q1, const Digits50& q2,
                                     const Digits50& c) {
  const Digits50 two_pi = boost::math::constants::two_pi<Digits50>();
  const Digits50 r = sqrt(q1 * q2);
  if (r == 0) {
    return 0;
  }
  const Digits50 x = (r + c) / (2 * r);
  if (2 * c < -r) {
    Digits50 constant = 2;
    for (int k = 1; k <= n; ++k) {
      constant *= 2 * k * k / (k + Digits50(0.5));
    }
    Digits50 term = 1;
    Digits50 sum = 0;
    for (int k = 0; term > 1e-52; ++k) {
      sum += term;
      term *= x * (k + Digits50(0.5)) * (k + Digits50(0.5)) / ((k + n + Digits50(1.5)) * (k + 1));
    }
    return constant / two_pi * pow(r * x, n) * sqrt(x) * sum;
  }
  const Digits50 root = sqrt(std::max(Digits50(q1 * q2 - c * c), Digits50(0)));
  Digits50 lower = atan2(root, Digits50(-c));
  Digits50 moment = root + c * lower;
  for (int k = 1; k < n; ++k) {
    const Digits50 higher = (2 * k + 1) * c * moment + k * k * root * root * lower;
    lower = moment;
    moment = higher;
  }
  return (n == 0 ? lower : moment) / two_pi;
}

/// E[p(u) s(v)] of two polynomials, from E[u^i v^j] = (i - 1) q1 E[u^(i-2) v^j]
/// + j c E[u^(i-1) v^(j-1)] (Isserlis 1918).
inline Digits50 exact_product(const std::vector<Digits50>& p, const std::vector<Digits50>& s,
                              const Digits50& q1, const Digits50& q2, const Digits50& c) {
  std::vector<std::vector<Digits50>> moments(p.size(), std::vector<Digits50>(s.size()));
  Digits50 sum = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    for (std::size_t j = i % 2; j < s.size(); j += 2) {
      Digits50& moment = moments[i][j];
      if (i == 0) {
        moment = j == 0 ? Digits50(1) : Digits50((j - 1) * q2 * moments[0][j - 2]);
      } else {
        moment = i == 1 ? Digits50(0) : Digits50((i - 1) * q1 * moments[i - 2][j]);
        if (j > 0) {
          moment += j * c * moments[i - 1][j - 1];
        }
      }
      sum += p[i] * s[j] * moment;
    }
  }
  return sum;
}

inline ExactDuals exact_polynomial(const std::vector<double>& coefficients, double squared_factor,
                                   const Digits50& q1, const Digits50& q2, const Digits50& c) {
  const std::vector<Digits50> p(coefficients.begin(), coefficients.end());
  std::vector<Digits50> derivative;
  for (std::size_t k = 1; k < p.size(); ++k) {
    derivative.push_back(k * p[k]);
  }
  return {exact_product(p, p, q1, q2, c) / squared_factor,
          exact_product(derivative, derivative, q1, q2, c) / squared_factor};
}

/// The coefficients of monomial, polynomial and hermite times a factor, and its square.
inline std::pair<std::vector<double>, double> coefficients_of(const ActivationSpec& spec) {
  if (spec.name == "polynomial") {
    return {spec.parameters.front().values, 1.0};
  }
  const int degree = static_cast<int>(parameter_of(spec, "degree", 0.0));
  if (spec.name == "hermite") {
    return {hermite_coefficients(degree), std::tgamma(degree + 1.0)};
  }
  std::vector<double> coefficients(static_cast<std::size_t>(degree) + 1);
  coefficients.back() = 1.0;
  return {coefficients, 1.0};
}

/// G is 0 for sign and step, which have none.
inline ExactDuals exact_duals(const ActivationSpec& spec, const Digits50& q1, const Digits50& q2,
                              const Digits50& c) {
  const Digits50 pi = boost::math::constants::pi<Digits50>();
  const std::string& name = spec.name;
  const auto parameter = [&](const char* key, double fallback) {
    return parameter_of(spec, key, fallback);
  };
  if (name == "identity") {
    return {c, Digits50(1)};
  }
  if (name == "relu") {
    return exact_two_slopes(0.0, 1.0, q1, q2, c);
  }
  if (name == "leaky_relu") {
    return exact_two_slopes(parameter("negative_slope", 0.01), 1.0, q1, q2, c);
  }
  if (name == "abs") {
    return exact_two_slopes(-1.0, 1.0, q1, q2, c);
  }
  if (name == "abrelu") {
    return exact_two_slopes(parameter("a", 0.0), parameter("b", 0.0), q1, q2, c);
  }
  if (name == "sign") {
    return {exact_abs(q1, q2, c).g, Digits50(0)};
  }
  if (name == "step") {
    const Digits50 both = q1 * q2 == 0 ? Digits50(0) : Digits50(1 + exact_abs(q1, q2, c).g);
    return {both / 4, Digits50(0)};
  }
  if (name == "rectified_monomial") {
    const int n = static_cast<int>(parameter("degree", 0.0));
    return {exact_orthant_moment(n, q1, q2, c), n * n * exact_orthant_moment(n - 1, q1, q2, c)};
  }
  if (name == "erf") {
    const Digits50 scale = parameter("scale", 1.0);
    const Digits50 b2 = pow(Digits50(parameter("slope", 1.0)), 2);
    const Digits50 r = (1 + 2 * b2 * q1) * (1 + 2 * b2 * q2);
    return {scale * scale * 2 / pi * asin(2 * b2 * c / sqrt(r)) +
                pow(Digits50(parameter("shift", 0.0)), 2),
            scale * scale * b2 * 4 / (pi * sqrt(r - 4 * b2 * b2 * c * c))};
  }
  if (name == "gaussian") {
    const Digits50 k2 = 2 * Digits50(parameter("curvature", 1.0));
    const Digits50 determinant = (1 + k2 * q1) * (1 + k2 * q2) - k2 * k2 * c * c;
    const Digits50 f = 1 / sqrt(determinant);
    return {f, k2 * k2 * c * f / determinant};
  }
  if (name == "monomial" || name == "polynomial" || name == "hermite") {
    const auto [coefficients, square] = coefficients_of(spec);
    return exact_polynomial(coefficients, square, q1, q2, c);
  }
  if (name == "gelu") {
    const Digits50 step("1e-17");
    const Digits50 rise = exact_gelu(q1, q2, c + step) - exact_gelu(q1, q2, c - step);
    return {exact_gelu(q1, q2, c), rise / (2 * step)};
  }
  if (name == "exp") {
    const double slope = parameter("slope", 1.0);
    const Digits50 f = exp(Digits50(slope) * slope * (q1 + q2 + 2 * c) / 2);
    return {f, Digits50(slope) * slope * f};
  }
  if (name == "rbf") {
    const Digits50 gamma = parameter("gamma", 1.0);
    const Digits50 f = exp(-gamma * (q1 + q2 - 2 * c));
    return {f, 2 * gamma * f};
  }
  if (name == "sin" || name == "cos") {
    const Digits50 shift = name == "cos" ? Digits50(pi / 2) : Digits50(0);
    return exact_sine(parameter("frequency", 1.0), parameter("phase", 0.0) + shift, q1, q2, c);
  }
  if (spec.expression == "max(x, 0)") {
    return exact_two_slopes(0.0, 1.0, q1, q2, c);
  }
  const auto wide_q1 = static_cast<long double>(q1);
  const auto wide_q2 = static_cast<long double>(q2);
  const auto wide_c = static_cast<long double>(c);
  std::optional<WideDuals> duals;
  if (const auto pieces = pieces_of(spec); !pieces.empty()) {
    duals = piecewise_duals(pieces, wide_q1, wide_q2, wide_c);
  }
  visit_smooth_numerical(
      spec, [&](const auto& s) { duals = trapezoid_duals(s, wide_q1, wide_q2, wide_c); });
  if (!duals) {
    ADD_FAILURE() << "no exact duals of " << name;
    return {};
  }
  return {Digits50(duals->f), Digits50(duals->g)};
}

struct ExactKernels {
  Digits50 nngp;
  Digits50 ntk;
  double closest = 0.0;  // the largest |correlation| met in any layer but the last
};

/// Of networks of depth 1, 2, ..., architecture.depth, from exact x.x, y.y and x.y. Ref: Jacot,
/// Gabriel, Hongler (2018).
inline std::vector<ExactKernels> exact_kernels_by_depth(const Architecture& architecture,
                                                        std::int64_t dimension, const Digits50& xx,
                                                        const Digits50& yy, const Digits50& xy) {
  const ActivationSpec& spec = architecture.activation;
  const Digits50 weight = architecture.weight_variance;
  const Digits50 bias = architecture.bias_variance;
  const Digits50 scale = architecture.first_layer == FirstLayer::normalised
                             ? Digits50(weight / static_cast<double>(dimension))
                             : Digits50(1);
  Digits50 q1 = scale * xx + bias;
  Digits50 q2 = scale * yy + bias;
  Digits50 c = scale * xy + bias;
  std::vector<ExactKernels> kernels = {{c, c, 0.0}};
  for (int layer = 2; layer <= architecture.depth; ++layer) {
    const auto [nngp, ntk, closest] = kernels.back();
    const double correlation = static_cast<double>(abs(c) / sqrt(q1 * q2));
    const ExactDuals duals = exact_duals(spec, q1, q2, c);
    c = weight * duals.f + bias;
    kernels.push_back({c, c + weight * duals.g * ntk, std::max(closest, correlation)});
    q1 = weight * exact_duals(spec, q1, q1, q1).f + bias;
    q2 = weight * exact_duals(spec, q2, q2, q2).f + bias;
  }
  return kernels;
}

inline ExactKernels exact_kernels(const Architecture& architecture, std::int64_t dimension,
                                  const Digits50& xx, const Digits50& yy, const Digits50& xy) {
  return exact_kernels_by_depth(architecture, dimension, xx, yy, xy).back();
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
  ActivationSpec activation;
  double q1 = 0.0;
  double q2 = 0.0;
  double c = 0.0;
  Digits50 f;
  Digits50 g;

  [[nodiscard]] double correlation() const { return c / std::sqrt(q1 * q2); }
};

/// The activation that the table calls so.
inline ActivationSpec table_activation(const std::string& name) {
  if (name == "leaky_relu:0.1") {
    return {"leaky_relu", {{"negative_slope", {0.1}}}};
  }
  if (name == "square") {
    return {"monomial", {{"degree", {2.0}}}};
  }
  if (name == "cube") {
    return {"monomial", {{"degree", {3.0}}}};
  }
  if (name == "rectified_square") {
    return {"rectified_monomial", {{"degree", {2.0}}}};
  }
  return {name, {}};
}

/// What the table's quadrature left of values that are 0, at correlation -1, is dropped.
inline Digits50 table_value(const std::string& text) {
  const Digits50 value(text);
  return abs(value) < 1e-35 ? Digits50(0) : value;
}

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
    rows.push_back({table_activation(field[0]), std::stod(field[1]), std::stod(field[2]),
                    std::stod(field[3]), table_value(field[4]), table_value(field[5])});
  }
  return rows;
}

}  // namespace ntkflow::test
