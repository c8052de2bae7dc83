#pragma once

namespace ntkflow {

/// What a ridge is a multiple of: 1, or the mean diagonal element trace(K)/N.
enum class RidgeScale { absolute, mean_diagonal };

struct Ridge {
  double value = 0.0;
  RidgeScale scale = RidgeScale::absolute;
};

enum class Precision { double_precision, single_precision };

struct RegressionOptions {
  Ridge ridge;
  Precision precision = Precision::double_precision;  ///< of the kernel matrix and its factor
};

}  // namespace ntkflow
