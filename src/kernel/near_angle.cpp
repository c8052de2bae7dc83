#include "near_angle.hpp"

#include <cmath>
#include <cstddef>
#include <numbers>

#include "orthant_polynomials.hpp"

namespace ntkflow {

NearAngle::NearAngle(double q1, double q2, double distance)
    : r(std::sqrt(q1 * q2)), c(r - distance), gap(distance) {}

double NearAngle::turns() const {
  return std::atan2(std::sqrt(gap * (r + c)), c) / (2.0 * std::numbers::pi);
}

double NearAngle::orthant_moment(int n) const {
  if (gap == 0.0) {
    return 0.0;
  }
  const double x = gap / (2.0 * r);
  const auto& coefficients = kOrthantPolynomials<double>[static_cast<std::size_t>(n - 1)];
  double moment = 0.0;
  for (std::size_t k = coefficients.size(); k > 0; --k) {
    moment = moment * x + coefficients[k - 1];
  }
  for (int factor = 0; factor < n; ++factor) {
    moment *= gap / 2.0;
  }
  return moment * std::sqrt(x);
}

}  // namespace ntkflow
