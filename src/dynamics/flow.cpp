#include "ntkflow/dynamics/flow.hpp"

#include <algorithm>
#include <cmath>

namespace ntkflow {

std::vector<double> absolute_times(std::vector<double> times, TimeUnit unit, double lambda_max) {
  if (unit == TimeUnit::inverse_lambda_max) {
    for (double& t : times) {
      t = t == 0.0 ? 0.0 : t / std::max(lambda_max, 0.0);
    }
  }
  return times;
}

double flow_filter(double lambda, double t, std::int64_t n) {
  const double rate = t / static_cast<double>(n);
  if (lambda == 0.0) {
    return rate;
  }
  return -std::expm1(-rate * lambda) / lambda;
}

}  // namespace ntkflow
