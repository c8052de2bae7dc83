#pragma once

#include <cstdint>
#include <vector>

namespace ntkflow {

/// What `times` are multiples of: 1/lambda_max(K/N), or 1.
enum class TimeUnit { inverse_lambda_max, absolute };
/// f_0: zero, or a draw from the Gaussian process of the network at initialisation.
enum class InitialFunction { zero, gaussian_process };

struct DynamicsOptions {
  std::vector<double> times;  ///< ascending, not negative
  TimeUnit time_unit = TimeUnit::inverse_lambda_max;
  InitialFunction initial = InitialFunction::zero;
  std::uint64_t seed = 0;  ///< of the draw
};

}  // namespace ntkflow
