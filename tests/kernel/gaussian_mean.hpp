#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include <boost/math/quadrature/gauss.hpp>

#include "example_activations.hpp"

// Means of activations under the normal distribution by quadrature in double.
namespace ntkflow::test {

/// E[f(z)], z ~ N(0, 1), for a function that is smooth but at the breaks. Gauss-Legendre rules of
/// 16 points on panels no wider than 1/2.
template <class Function>
double gaussian_mean(const Function& f, std::vector<double> breaks) {
  for (int edge = -28; edge <= 28; ++edge) {
    breaks.push_back(0.5 * edge);
  }
  std::sort(breaks.begin(), breaks.end());
  double sum = 0.0;
  for (std::size_t k = 1; k < breaks.size(); ++k) {
    if (breaks[k] > breaks[k - 1] && breaks[k - 1] >= -14.0 && breaks[k] <= 14.0) {
      sum += boost::math::quadrature::gauss<double, 16>::integrate(
          [&](double z) { return f(z) * std::exp(-0.5 * z * z); }, breaks[k - 1], breaks[k]);
    }
  }
  return sum / std::sqrt(2.0 * M_PI);
}

/// E[f(u)], u ~ N(0, q), for a function with the example's kinks.
template <class Function>
double mean_over(const ActivationExample& example, double q, const Function& f) {
  std::vector<double> breaks;
  for (const double kink : example.kinks) {
    breaks.push_back(kink / std::sqrt(q));
  }
  return gaussian_mean([&](double z) { return f(std::sqrt(q) * z); }, breaks);
}

/// E[s(u)^2] by quadrature.
inline double second_moment_of(const ActivationExample& example, double q) {
  return mean_over(example, q, [&](double u) { return std::pow(example.function(u), 2.0); });
}

/// E[s'(u)^2] by quadrature.
inline double slope_moment_of(const ActivationExample& example, double q) {
  return mean_over(example, q, [&](double u) { return std::pow(example.jet(u).slope, 2.0); });
}

/// E[s(u) s(v)] by quadrature.
inline double mean_product_of(const ActivationExample& example, double q1, double q2, double c) {
  const double slope = c / std::sqrt(q1);
  const double rest = std::sqrt(q2 - slope * slope);
  std::vector<double> outer;
  for (const double kink : example.kinks) {
    outer.push_back(kink / std::sqrt(q1));
  }
  return gaussian_mean(
      [&](double z) {
        std::vector<double> inner;
        for (const double kink : example.kinks) {
          inner.push_back((kink - slope * z) / rest);
        }
        return example.function(std::sqrt(q1) * z) *
               gaussian_mean([&](double w) { return example.function(slope * z + rest * w); },
                             inner);
      },
      outer);
}

}  // namespace ntkflow::test
