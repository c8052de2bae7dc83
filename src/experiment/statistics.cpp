#include "statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <ntkflow/base/contract.hpp>

namespace ntkflow {

double mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double standard_deviation(std::span<const double> values) {
  if (values.size() < 2) {
    return 0.0;
  }
  const double centre = mean(values);
  double sum = 0.0;
  for (const double value : values) {
    sum += (value - centre) * (value - centre);
  }
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double root_mean_square(std::span<const double> values) {
  const double sum = std::inner_product(values.begin(), values.end(), values.begin(), 0.0);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

double distance_in_errors(std::span<const double> values, double expected) {
  constexpr double kMost = 1e6;
  const double distance = std::abs(mean(values) - expected);
  const double error = standard_deviation(values) / std::sqrt(static_cast<double>(values.size()));
  return distance <= kMost * error ? (error > 0.0 ? distance / error : 0.0) : kMost;
}

Line fit_line(std::span<const double> x, std::span<const double> y) {
  NTKFLOW_EXPECTS(x.size() == y.size() && x.size() >= 2, x.size(), y.size());
  const double centre_x = mean(x);
  const double centre_y = mean(y);
  double xx = 0.0;
  double xy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - centre_x) * (x[i] - centre_x);
    xy += (x[i] - centre_x) * (y[i] - centre_y);
  }
  Line line;
  line.slope = xy / xx;
  line.intercept = centre_y - line.slope * centre_x;
  double residual = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double error = y[i] - line.intercept - line.slope * x[i];
    residual += error * error;
  }
  if (x.size() > 2) {
    line.slope_error = std::sqrt(residual / static_cast<double>(x.size() - 2) / xx);
  }
  return line;
}

std::optional<Line> fit_power(std::span<const double> x, std::span<const double> values) {
  NTKFLOW_EXPECTS(x.size() == values.size(), x.size(), values.size());
  std::vector<double> kept;
  std::vector<double> logs;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (values[i] > 0.0 && std::isfinite(values[i])) {
      kept.push_back(x[i]);
      logs.push_back(std::log2(values[i]));
    }
  }
  const bool has_line =
      std::any_of(kept.begin(), kept.end(), [&](double value) { return value != kept.front(); });
  return has_line ? std::optional(fit_line(kept, logs)) : std::nullopt;
}

}  // namespace ntkflow
