#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/finite/network.hpp>

// Networks again, in the slow and obvious form: one sample and one unit at a time, in double.
namespace ntkflow::test {

inline double activate(const std::string& name, double z) {
  if (name == "relu") {
    return z > 0.0 ? z : 0.0;
  }
  if (name == "erf") {
    return std::erf(z);
  }
  if (name == "tanh") {
    return std::tanh(z);
  }
  return z;  // identity
}

/// f(x) of one sample.
template <class Real>
std::vector<double> reference_value(const Network<Real>& network, const Real* x) {
  const Architecture& architecture = network.architecture();
  std::vector<double> a(x, x + network.shape().inputs);
  for (int layer = 0; layer < architecture.depth; ++layer) {
    const Matrix<Real>& w = network.weights(layer);
    const bool is_plain = layer == 0 && architecture.first_layer == FirstLayer::plain;
    const double scale =
        is_plain ? 1.0 : std::sqrt(architecture.weight_variance / static_cast<double>(w.cols()));
    std::vector<double> z;
    for (std::int64_t i = 0; i < w.rows(); ++i) {
      double sum = 0.0;
      for (std::int64_t j = 0; j < w.cols(); ++j) {
        sum += static_cast<double>(w(i, j)) * a[static_cast<std::size_t>(j)];
      }
      const auto bias = static_cast<double>(network.biases(layer)[static_cast<std::size_t>(i)]);
      const double value = scale * sum + std::sqrt(architecture.bias_variance) * bias;
      z.push_back(layer == architecture.depth - 1 ? value
                                                  : activate(architecture.activation.name, value));
    }
    a = z;
  }
  return a;
}

/// f at the columns of X, [M x C].
template <class Real>
Matrix<double> reference_values(const Network<Real>& network, const Matrix<Real>& x) {
  Matrix<double> values(x.cols(), network.shape().outputs);
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    const std::vector<double> value = reference_value(network, x.column(i));
    for (std::int64_t c = 0; c < values.cols(); ++c) {
      values(i, c) = value[static_cast<std::size_t>(c)];
    }
  }
  return values;
}

/// 1/2 mean_i |f(x_i) - y_i|^2.
inline double reference_cost(const Matrix<double>& values, const Matrix<double>& target) {
  double sum = 0.0;
  for (std::int64_t k = 0; k < values.size(); ++k) {
    sum += std::pow(values.data()[k] - target.data()[k], 2);
  }
  return sum / (2.0 * static_cast<double>(values.rows()));
}

/// Where all parameters are, W^(0), b^(0), W^(1), ...
template <class Real>
std::vector<Real*> all_parameters(Network<Real>& network) {
  std::vector<Real*> parameters;
  for (int layer = 0; layer < network.depth(); ++layer) {
    Matrix<Real>& w = network.weights(layer);
    for (std::int64_t k = 0; k < w.size(); ++k) {
      parameters.push_back(w.data() + k);
    }
    for (Real& bias : network.biases(layer)) {
      parameters.push_back(&bias);
    }
  }
  return parameters;
}

/// The derivative in parameter `at` of a function of the network, by central differences.
template <class Function>
auto central_difference(double* at, const Function& function) {
  constexpr double kStep = 0x1.0p-17;
  const double value = *at;
  *at = value + kStep;
  auto right = function();
  *at = value - kStep;
  const auto left = function();
  *at = value;
  for (std::int64_t k = 0; k < right.size(); ++k) {
    right.data()[k] = (right.data()[k] - left.data()[k]) / (2.0 * kStep);
  }
  return right;
}

/// Normal values [rows x cols].
template <class Real>
Matrix<Real> normal_matrix(std::int64_t rows, std::int64_t cols, std::uint64_t stream) {
  const RandomStream random(2024, stream);
  Matrix<Real> x(rows, cols);
  for (std::int64_t j = 0; j < cols; ++j) {
    for (std::int64_t i = 0; i < rows; ++i) {
      x(i, j) = static_cast<Real>(
          random.normal(static_cast<std::uint64_t>(i), static_cast<std::uint64_t>(j)));
    }
  }
  return x;
}

inline Architecture architecture_of(int depth, const std::string& activation,
                                    FirstLayer first_layer = FirstLayer::normalised) {
  return {depth, {activation, {}}, 1.8, 0.09, first_layer};
}

/// The largest |value|.
inline double largest(const Matrix<double>& a) {
  double most = 0.0;
  for (std::int64_t k = 0; k < a.size(); ++k) {
    most = std::max(most, std::abs(a.data()[k]));
  }
  return most;
}

/// The largest |a - b| over the largest |b|; infinite where one is not finite.
inline double relative_error(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> difference = a.clone();
  for (std::int64_t k = 0; k < b.size(); ++k) {
    difference.data()[k] -= b.data()[k];
    if (!std::isfinite(difference.data()[k])) {
      return INFINITY;
    }
  }
  return largest(difference) / largest(b);
}

}  // namespace ntkflow::test
