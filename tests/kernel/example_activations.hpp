#pragma once

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

/// An example whose function is a generic callable.
template <class Function>
ActivationExample make_example(ActivationSpec spec, Function function,
                               std::vector<double> kinks = {}) {
  return {std::move(spec), [function](double x) { return function(x); },
          [function](const Digits50& x) { return Digits50(function(x)); }, std::move(kinks)};
}

inline std::vector<ActivationExample> example_activations() {
  std::vector<ActivationExample> all;
  all.push_back(make_example({"identity", {}}, [](const auto& x) { return x; }));
  all.push_back(make_example({"relu", {}}, [](const auto& x) { return x > 0 ? x : 0 * x; }, {0.0}));
  all.push_back(make_example({"erf", {}}, [](const auto& x) {
    using boost::math::erf;
    return erf(x);
  }));
  return all;
}

}  // namespace ntkflow::test
