#pragma once

#include <optional>
#include <span>

namespace ntkflow {

/// Mean of values. Local.
double mean(std::span<const double> values);
/// Standard deviation of a sample, with n - 1; 0 of fewer than two values. Local.
double standard_deviation(std::span<const double> values);
/// Square root of the mean square. Local.
double root_mean_square(std::span<const double> values);

/// |mean - expected| in standard errors of the mean, at most 1e6: where all values are the same
/// this is no quotient. 0 where they are all as expected. Local.
double distance_in_errors(std::span<const double> values, double expected);

/// The least-squares line through points, with the standard error of its slope.
struct Line {
  double slope = 0.0;
  double slope_error = 0.0;
  double intercept = 0.0;
};

/// Local. @pre at least two different x. With exactly two points the error is zero.
Line fit_line(std::span<const double> x, std::span<const double> y);

/// The line through (x, log2 value): value ~ 2^intercept 2^(slope x). Values without a logarithm
/// are left out, as those of networks that did not move or diverged; nothing where fewer than two
/// different x remain. Local.
std::optional<Line> fit_power(std::span<const double> x, std::span<const double> values);

}  // namespace ntkflow
