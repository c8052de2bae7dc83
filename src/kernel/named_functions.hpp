#pragma once

#include <array>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "activation.hpp"
#include "smooth_panels.hpp"

namespace ntkflow {

/// Name and parameter rules of a named activation without closed form.
struct NumericalEntry {
  std::string_view name;
  std::span<const ParameterRule> rules;
};

/// tanh, sigmoid, softplus, silu, mish, swish (x sigmoid(slope x)). Local.
std::span<const NumericalEntry> numerical_entries();

/// The entry's function and its derivative, both to a few units in the last place of the larger of
/// their terms for any finite x, with no overflow. Local.
///
/// @param values  in the order of the entry's rules, a number as a list of one.
std::function<Jet(double)> named_function(int entry, std::span<const std::vector<double>> values);

}  // namespace ntkflow
