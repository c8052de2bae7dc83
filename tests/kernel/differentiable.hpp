#pragma once

#include <cmath>
#include <numbers>

namespace ntkflow::test {

/// A value with its derivative, for functions that are written for any number type: the exact
/// derivative of an activation without a second formula (forward mode). A branch on the value
/// leaves the derivative of the branch taken. Local.
template <class Value>
struct Differentiable {
  Value value;
  Value slope;

  // Implicit, so that constants take part in formulas.
  Differentiable(Value constant = Value(0), Value derivative = Value(0))
      : value(constant), slope(derivative) {}

  friend Differentiable operator+(const Differentiable& a, const Differentiable& b) {
    return {a.value + b.value, a.slope + b.slope};
  }
  friend Differentiable operator-(const Differentiable& a, const Differentiable& b) {
    return {a.value - b.value, a.slope - b.slope};
  }
  friend Differentiable operator-(const Differentiable& a) { return {-a.value, -a.slope}; }
  friend Differentiable operator*(const Differentiable& a, const Differentiable& b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  friend Differentiable operator/(const Differentiable& a, const Differentiable& b) {
    const Value ratio = a.value / b.value;
    return {ratio, (a.slope - ratio * b.slope) / b.value};
  }
  friend bool operator<(const Differentiable& a, const Differentiable& b) {
    return a.value < b.value;
  }
  friend bool operator>(const Differentiable& a, const Differentiable& b) {
    return a.value > b.value;
  }

  friend Differentiable exp(const Differentiable& x) {
    const Value power = std::exp(x.value);
    return {power, power * x.slope};
  }
  friend Differentiable log(const Differentiable& x) {
    return {std::log(x.value), x.slope / x.value};
  }
  friend Differentiable sqrt(const Differentiable& x) {
    const Value root = std::sqrt(x.value);
    return {root, x.slope / (2 * root)};
  }
  friend Differentiable sin(const Differentiable& x) {
    return {std::sin(x.value), std::cos(x.value) * x.slope};
  }
  friend Differentiable cos(const Differentiable& x) {
    return {std::cos(x.value), -std::sin(x.value) * x.slope};
  }
  friend Differentiable atan(const Differentiable& x) {
    return {std::atan(x.value), x.slope / (1 + x.value * x.value)};
  }
  friend Differentiable tanh(const Differentiable& x) {
    const Value ratio = std::tanh(x.value);
    return {ratio, (1 - ratio * ratio) * x.slope};
  }
  friend Differentiable erf(const Differentiable& x) {
    return {std::erf(x.value), density(x.value) * x.slope};
  }
  friend Differentiable erfc(const Differentiable& x) {
    return {std::erfc(x.value), -density(x.value) * x.slope};
  }

 private:
  /// 2 e^(-x^2) / sqrt(pi).
  static Value density(Value x) { return 2 * std::numbers::inv_sqrtpi_v<Value> * std::exp(-x * x); }
};

}  // namespace ntkflow::test
