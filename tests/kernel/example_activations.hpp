#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include <boost/math/special_functions/erf.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>

#include <ntkflow/kernel/architecture.hpp>

// Every activation once or more, with its function written apart from the library.
namespace ntkflow::test {

using Digits50 = boost::multiprecision::cpp_bin_float_50;

/// Variances of a network's weights and biases.
struct Variances {
  double weight;
  double bias;
};

/// An activation with parameters, and what tests need to know about it.
struct ActivationExample {
  ActivationSpec spec;
  /// s itself, in double and in 50 digits.
  std::function<double(double)> function;
  std::function<Digits50(const Digits50&)> exact_function;
  /// Where s or its derivative jumps.
  std::vector<double> kinks{};
  /// Networks in which 20 layers keep the variance of samples with |x|^2 = d in range.
  std::vector<Variances> networks = {{2.0, 0.01}, {1.0, 0.0}, {1.5, 0.5}};
  /// Bound of q for tests of a single layer; 4 unless the second moment diverges below.
  double largest_variance = 4.0;
  /// Errors of F, and of F + G c, that the activation's comment states, in eps relative to F and to
  /// |F| + |G c|. Where F changes sign away from c = 0, no relative error of F can be bounded, and
  /// both are relative to |F| + |G c|.
  double f_ulps = 48.0;
  double sum_ulps = 4.0;
  bool crosses_zero = false;

  /// Name and parameters, for messages.
  [[nodiscard]] std::string label() const {
    std::ostringstream text;
    text << spec.name;
    for (const auto& [name, values] : spec.parameters) {
      text << ' ' << name;
      for (const double value : values) {
        text << ' ' << value;
      }
    }
    return text.str();
  }
};

/// An example whose function is a generic callable of x.
template <class Function>
ActivationExample make_example(ActivationSpec spec, Function function) {
  return {std::move(spec), [function](double x) { return function(x); },
          [function](const Digits50& x) { return Digits50(function(x)); }};
}

/// a min(x, 0) + b max(x, 0).
inline ActivationExample two_slopes_example(ActivationSpec spec, double a, double b) {
  auto example =
      make_example(std::move(spec), [a, b](const auto& x) { return x < 0 ? a * x : b * x; });
  example.kinks = {0.0};
  example.f_ulps = 8.0;
  example.sum_ulps = 6.0;
  example.crosses_zero = a * b > 0.0;
  return example;
}

/// A constant below 0 and one above; 0 at 0.
inline ActivationExample jump_example(ActivationSpec spec, double below, double above) {
  auto example = make_example(std::move(spec), [below, above](const auto& x) {
    return x > 0 ? above + 0 * x : x < 0 ? below + 0 * x : 0 * x;
  });
  example.kinks = {0.0};
  example.f_ulps = 4.0;
  example.sum_ulps = 4.0;
  return example;
}

inline ActivationExample sine_example(ActivationSpec spec, double frequency, double phase) {
  const bool is_sine = spec.name == "sin";
  auto example = make_example(std::move(spec), [=](const auto& x) {
    using std::cos;
    using std::sin;
    const auto angle = frequency * x + phase;
    return is_sine ? sin(angle) : cos(angle);
  });
  example.crosses_zero = true;
  example.f_ulps = 16.0;
  example.sum_ulps = 16.0;
  return example;
}

inline ActivationExample exp_example(double slope, std::vector<Variances> networks) {
  auto example = make_example({"exp", {{"slope", {slope}}}}, [slope](const auto& x) {
    using std::exp;
    return exp(slope * x);
  });
  example.networks = std::move(networks);
  example.f_ulps = 16.0;
  example.sum_ulps = 16.0;
  return example;
}

inline ActivationExample rbf_example(double gamma) {
  auto example = make_example({"rbf", {{"gamma", {gamma}}}}, [gamma](const auto& x) {
    using std::acos;
    using std::sin;
    using std::sqrt;
    const auto one = 1 + 0 * x;
    return sqrt(2 * one) * sin(sqrt(2 * gamma * one) * x + acos(-one) / 4);
  });
  example.f_ulps = 16.0;
  example.sum_ulps = 16.0;
  return example;
}

inline ActivationExample erf_example(double scale, double slope, double shift) {
  auto example = make_example({"erf", {{"scale", {scale}}, {"slope", {slope}}, {"shift", {shift}}}},
                              [=](const auto& x) {
                                using boost::math::erf;
                                return scale * erf(slope * x) + shift;
                              });
  example.f_ulps = 8.0;
  example.sum_ulps = 6.0;
  example.crosses_zero = shift != 0.0;
  return example;
}

inline ActivationExample gaussian_example(double curvature, std::vector<Variances> networks) {
  auto example = make_example({"gaussian", {{"curvature", {curvature}}}}, [=](const auto& x) {
    using std::exp;
    return exp(-curvature * x * x);
  });
  example.networks = std::move(networks);
  example.largest_variance = curvature < 0.0 ? -0.1 / curvature : 4.0;
  example.f_ulps = 8.0;
  example.sum_ulps = example.f_ulps;
  return example;
}

/// factor sum_k coefficients[k] x^k. A sum of one term has duals that keep their sign for c > 0 and
/// for c < 0.
inline ActivationExample polynomial_example(ActivationSpec spec, std::vector<double> coefficients,
                                            double squared_factor, Variances network) {
  const auto terms = std::count_if(coefficients.begin(), coefficients.end(),
                                   [](double coefficient) { return coefficient != 0.0; });
  auto example = make_example(std::move(spec), [=](const auto& x) {
    using std::sqrt;
    auto sum = 0 * x;
    for (std::size_t k = coefficients.size(); k > 0; --k) {
      sum = sum * x + coefficients[k - 1];
    }
    return sum / sqrt(squared_factor + 0 * x);
  });
  example.networks = {network};
  example.crosses_zero = terms > 1;
  example.f_ulps = terms > 1 ? 128.0 : 8.0;
  example.sum_ulps = example.f_ulps;
  return example;
}

inline ActivationExample monomial_example(int degree, Variances network) {
  std::vector<double> coefficients(static_cast<std::size_t>(degree) + 1);
  coefficients.back() = 1.0;
  return polynomial_example({"monomial", {{"degree", {static_cast<double>(degree)}}}}, coefficients,
                            1.0, network);
}

/// He_{n+1} = x He_n - n He_{n-1}.
inline std::vector<double> hermite_coefficients(int degree) {
  std::vector<double> lower;
  std::vector<double> current = {1.0};
  for (int n = 0; n < degree; ++n) {
    std::vector<double> higher(current.size() + 1);
    for (std::size_t k = 0; k < current.size(); ++k) {
      higher[k + 1] = current[k];
    }
    for (std::size_t k = 0; k < lower.size(); ++k) {
      higher[k] -= n * lower[k];
    }
    lower = current;
    current = higher;
  }
  return current;
}

inline ActivationExample hermite_example(int degree, Variances network) {
  return polynomial_example({"hermite", {{"degree", {static_cast<double>(degree)}}}},
                            hermite_coefficients(degree), std::tgamma(degree + 1.0), network);
}

inline ActivationExample rectified_example(int degree, Variances network) {
  auto example = make_example({"rectified_monomial", {{"degree", {static_cast<double>(degree)}}}},
                              [degree](const auto& x) {
                                auto power = x > 0 ? 1 + 0 * x : 0 * x;
                                for (int factor = 0; factor < degree; ++factor) {
                                  power = power * x;
                                }
                                return power;
                              });
  example.kinks = {0.0};
  example.networks = {network};
  example.f_ulps = degree == 1 ? 48.0 : 24.0;
  example.sum_ulps = 24.0;
  return example;
}

inline std::vector<ActivationExample> example_activations() {
  std::vector<ActivationExample> all;
  all.push_back(make_example({"identity", {}}, [](const auto& x) { return x; }));

  all.push_back(make_example({"relu", {}}, [](const auto& x) { return x > 0 ? x : 0 * x; }));
  all.back().kinks = {0.0};
  all.push_back(two_slopes_example({"leaky_relu", {}}, 0.01, 1.0));
  all.push_back(two_slopes_example({"leaky_relu", {{"negative_slope", {-0.3}}}}, -0.3, 1.0));
  all.push_back(two_slopes_example({"abs", {}}, -1.0, 1.0));
  all.push_back(two_slopes_example({"abrelu", {{"a", {0.5}}, {"b", {-1.25}}}}, 0.5, -1.25));
  all.push_back(jump_example({"sign", {}}, -1.0, 1.0));
  all.push_back(jump_example({"step", {}}, 0.0, 1.0));

  all.push_back(make_example({"erf", {}}, [](const auto& x) {
    using boost::math::erf;
    return erf(x);
  }));
  all.push_back(make_example({"gelu", {}}, [](const auto& x) {
    using boost::math::erfc;
    using std::sqrt;
    return x * erfc(-x / sqrt(2 + 0 * x)) / 2;
  }));
  all.back().crosses_zero = true;
  all.back().f_ulps = 24.0;
  all.back().sum_ulps = 24.0;

  all.push_back(exp_example(1.0, {{0.1, 0.05}, {0.15, 0.0}}));
  all.push_back(exp_example(0.5, {{0.5, 0.1}}));
  all.push_back(rbf_example(1.0));
  all.push_back(rbf_example(0.125));
  all.push_back(sine_example({"sin", {}}, 1.0, 0.0));
  all.push_back(sine_example({"sin", {{"frequency", {1.5}}, {"phase", {0.3}}}}, 1.5, 0.3));
  all.push_back(sine_example({"sin", {{"phase", {-1.25}}}}, 1.0, -1.25));
  all.push_back(sine_example({"cos", {}}, 1.0, 0.0));
  all.push_back(sine_example({"cos", {{"frequency", {0.5}}, {"phase", {1.0}}}}, 0.5, 1.0));

  all.push_back(erf_example(1.5, 0.7, 0.0));
  all.push_back(erf_example(0.5, 2.0, 0.5));
  all.push_back(gaussian_example(1.0, {{2.0, 0.01}, {1.0, 0.0}}));
  all.push_back(gaussian_example(-0.05, {{0.5, 0.1}}));
  all.push_back(rectified_example(1, {2.0, 0.01}));
  all.push_back(rectified_example(2, {0.3, 0.2}));
  all.push_back(rectified_example(3, {0.15, 0.2}));
  all.push_back(rectified_example(4, {0.1, 0.15}));
  all.push_back(rectified_example(5, {0.05, 0.15}));
  all.push_back(monomial_example(0, {1.0, 0.5}));
  all.push_back(monomial_example(2, {0.2, 0.2}));
  all.push_back(monomial_example(3, {0.05, 0.2}));
  all.push_back(monomial_example(10, {0.02, 0.05}));
  all.push_back(polynomial_example({"polynomial", {{"coefficients", {0.5, -1.0, 0.25, 0.3}}}},
                                   {0.5, -1.0, 0.25, 0.3}, 1.0, {0.1, 0.1}));
  all.push_back(polynomial_example({"polynomial", {{"coefficients", {0.0, 0.75}}}}, {0.0, 0.75},
                                   1.0, {1.5, 0.1}));
  all.push_back(hermite_example(1, {1.0, 0.1}));
  all.push_back(hermite_example(2, {0.3, 0.1}));
  all.push_back(hermite_example(3, {0.2, 0.1}));
  all.push_back(hermite_example(10, {0.1, 0.05}));
  return all;
}

}  // namespace ntkflow::test
