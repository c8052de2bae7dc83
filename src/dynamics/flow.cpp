#include "ntkflow/dynamics/flow.hpp"

#include <cmath>

namespace ntkflow {

double flow_filter(double lambda, double t, std::int64_t n) {
  const double rate = t / static_cast<double>(n);
  if (lambda == 0.0) {
    return rate;
  }
  return -std::expm1(-rate * lambda) / lambda;
}

}  // namespace ntkflow
