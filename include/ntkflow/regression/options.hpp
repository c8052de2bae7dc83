#pragma once

#include <ntkflow/linalg/options.hpp>

namespace ntkflow {

/// What a ridge is a multiple of: 1, or the mean diagonal element trace(K)/N.
enum class RidgeScale { absolute, mean_diagonal };

struct Ridge {
  double value = 0.0;
  RidgeScale scale = RidgeScale::absolute;
};

/// Of the kernel matrix and its factor. `mixed`: both in single, the solution refined to double
/// accuracy. `automatic` stands for a choice that the program makes before it starts.
enum class Precision { double_precision, mixed, single_precision, automatic };

struct RegressionOptions {
  Ridge ridge;
  Precision precision = Precision::double_precision;
  Factorization factorization = Factorization::automatic;
};

}  // namespace ntkflow
