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

#include "differentiable.hpp"

// Every activation once or more, with its function written apart from the library.
namespace ntkflow::test {

using Digits50 = boost::multiprecision::cpp_bin_float_50;

/// Variances of a network's weights and biases.
struct Variances {
  double weight;
  double bias;
};

/// How an activation's duals are known.
///   closed_form  elementary functions, here in 50 digits
///   bivariate    the bivariate normal distribution, here an integral over one variable
///   numerical    quadrature alone, here the trapezoid rule over two variables
enum class DualsKind { closed_form, bivariate, numerical };

/// An activation with parameters, and what tests need to know about it.
struct ActivationExample {
  ActivationSpec spec;
  /// s itself, in double and in 50 digits.
  std::function<double(double)> function;
  std::function<Digits50(const Digits50&)> exact_function;
  /// s and s'.
  std::function<Differentiable<double>(double)> jet;
  DualsKind kind = DualsKind::closed_form;
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
    text << spec.name << (spec.expression.empty() ? "" : " ") << spec.expression;
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
          [function](const Digits50& x) { return Digits50(function(x)); },
          [function](double x) { return function(Differentiable<double>(x, 1.0)); }};
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
    using std::atan;
    using std::sin;
    using std::sqrt;
    const auto one = 1 + 0 * x;
    return sqrt(2 * one) * sin(sqrt(2 * gamma * one) * x + atan(one));
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

/// Calls visit(s) with a smooth activation that has no closed-form duals, as a generic callable of
/// x; nothing with any other.
template <class Visit>
void visit_smooth_numerical(const ActivationSpec& spec, const Visit& visit) {
  const auto swish = [](const auto& x, double slope) {
    using std::exp;
    return x / (1 + exp(-slope * x));
  };
  const auto mish = [](const auto& x) {
    using std::exp;
    using std::log;
    using std::tanh;
    return x * tanh(log(1 + exp(x)));
  };
  if (spec.name == "tanh") {
    visit([](const auto& x) {
      using std::tanh;
      return tanh(x);
    });
  } else if (spec.name == "sigmoid") {
    visit([](const auto& x) {
      using std::exp;
      return 1 / (1 + exp(-x));
    });
  } else if (spec.name == "softplus") {
    visit([](const auto& x) {
      using std::exp;
      using std::log;
      return log(1 + exp(x));
    });
  } else if (spec.name == "silu" || spec.name == "swish") {
    const double slope = spec.parameters.empty() ? 1.0 : spec.parameters.front().values.front();
    visit([=](const auto& x) { return swish(x, slope); });
  } else if (spec.name == "mish" || spec.expression == "x*tanh(log(1+exp(x)))") {
    visit(mish);
  }
}

inline ActivationExample smooth_numerical_example(ActivationSpec spec,
                                                  std::vector<Variances> networks) {
  ActivationExample example;
  visit_smooth_numerical(spec, [&](const auto& s) { example = make_example(spec, s); });
  example.kind = DualsKind::numerical;
  example.networks = std::move(networks);
  example.crosses_zero = true;
  return example;
}

/// Activations without closed-form duals.
inline std::vector<ActivationExample> numerical_examples() {
  std::vector<ActivationExample> all;
  all.push_back(smooth_numerical_example({"tanh", {}}, {{1.96, 0.62}, {1.5, 0.0}}));
  all.push_back(smooth_numerical_example({"sigmoid", {}}, {{2.0, 0.01}, {4.0, 0.5}}));
  all.push_back(smooth_numerical_example({"softplus", {}}, {{0.8, 0.1}}));
  all.push_back(smooth_numerical_example({"silu", {}}, {{1.8, 0.1}}));
  all.push_back(smooth_numerical_example({"mish", {}}, {{1.7, 0.1}}));
  all.push_back(smooth_numerical_example({"swish", {{"slope", {2.0}}}}, {{1.8, 0.1}}));
  all.push_back(
      smooth_numerical_example({"expression", {}, "x*tanh(log(1+exp(x)))"}, {{1.5, 0.2}}));
  all.push_back(make_example({"expression", {}, "max(x, 0)"},
                             [](const auto& x) { return x > 0 ? x : 0 * x; }));
  all.back().kind = DualsKind::numerical;
  all.back().kinks = {0.0};
  all.back().networks = {{1.5, 0.5}};
  return all;
}

/// An activation whose duals need the normal distribution function.
template <class Function>
ActivationExample bivariate_example(ActivationSpec spec, std::vector<double> kinks,
                                    Function function, std::vector<Variances> networks) {
  auto example = make_example(std::move(spec), function);
  example.kind = DualsKind::bivariate;
  example.kinks = std::move(kinks);
  example.networks = std::move(networks);
  example.crosses_zero = true;
  example.sum_ulps = 16.0;
  return example;
}

inline ActivationExample clamp_example(const std::string& name, double slope, double offset,
                                       double lowest, double highest,
                                       std::vector<Variances> networks) {
  return bivariate_example(
      {name, {}}, {(lowest - offset) / slope, (highest - offset) / slope},
      [=](const auto& x) {
        const auto line = slope * x + offset;
        return line < lowest ? lowest + 0 * x : line > highest ? highest + 0 * x : line + 0 * x;
      },
      std::move(networks));
}

inline ActivationExample elu_example(ActivationSpec spec, double scale, double alpha,
                                     std::vector<Variances> networks) {
  return bivariate_example(
      std::move(spec), {0.0},
      [=](const auto& x) {
        using std::exp;
        return x > 0 ? scale * x : scale * alpha * (exp(x) - 1);
      },
      std::move(networks));
}

/// lambda and alpha of Klambauer et al. (2017).
inline constexpr double kSeluScale = 1.0507009873554804934193349852946;
inline constexpr double kSeluAlpha = 1.6732632423543772848170429916717;

inline std::vector<ActivationExample> bivariate_examples() {
  std::vector<ActivationExample> all;
  all.push_back(clamp_example("hard_tanh", 1.0, 0.0, -1.0, 1.0, {{2.0, 0.3}, {1.3, 0.0}}));
  all.push_back(clamp_example("hard_sigmoid", 1.0 / 6.0, 0.5, 0.0, 1.0, {{3.0, 0.5}}));
  all.push_back(clamp_example("relu6", 1.0, 0.0, 0.0, 6.0, {{1.9, 0.1}}));
  all.push_back(elu_example({"elu", {}}, 1.0, 1.0, {{1.4, 0.1}}));
  all.push_back(elu_example({"elu", {{"alpha", {0.4}}}}, 1.0, 0.4, {{1.6, 0.05}}));
  all.push_back(elu_example({"selu", {}}, kSeluScale, kSeluAlpha, {{1.0, 0.0}, {0.9, 0.1}}));
  return all;
}

inline std::vector<ActivationExample> closed_form_examples() {
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

/// All of them.
inline std::vector<ActivationExample> example_activations() {
  std::vector<ActivationExample> all = closed_form_examples();
  for (auto& more : {bivariate_examples(), numerical_examples()}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  return all;
}

}  // namespace ntkflow::test
