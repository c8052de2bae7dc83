#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <string_view>

#include "activation.hpp"
#include "near_angle.hpp"
#include "near_duals.hpp"
#include "normal.hpp"

// The activations for scalars: textbook formulas of any precision, and diagonals.
namespace ntkflow::scalar {

/// a b - c d.
template <class Value>
Value difference_of_products(const Value& a, const Value& b, const Value& c, const Value& d) {
  return a * b - c * d;
}

/// a b - c d within 1.5 units in the last place (Kahan; Jeannerod, Louvet, Muller 2013).
inline double difference_of_products(double a, double b, double c, double d) {
  const double cd = c * d;
  return std::fma(a, b, -cd) - std::fma(c, d, -cd);
}

#include "activations/list.inl"

}  // namespace ntkflow::scalar
