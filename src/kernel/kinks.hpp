#pragma once

#include <optional>
#include <vector>

#include "smooth_panels.hpp"

// Points where a function is smooth on either side but not across.
namespace ntkflow {

/// The kinks of s, ascending, located to about 1e-14 for jumps of s or s' and, if a short decimal
/// is as near, given as that; weaker kinks to where they matter as little. Local. Throws
/// ConfigError, as a phrase that s is the subject of, if there are too many or s is not smooth
/// beside one.
std::vector<double> find_kinks(const ScalarFunction& s);

/// Checks that s has kinks at just these places (ascending). Local. Throws ConfigError as
/// find_kinks does, also naming a kink that is none and one that is missing.
void check_kinks(const ScalarFunction& s, const std::vector<double>& kinks);

}  // namespace ntkflow
