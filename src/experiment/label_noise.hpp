#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/experiment/options.hpp>

namespace ntkflow {

/// Targets of which some are those of another class.
struct NoisyTargets {
  Matrix<double> y;      ///< [N x C]
  Matrix<double> noise;  ///< y less its mean over all noise that there could have been, [N x C]
  std::vector<std::int64_t> label;
  std::int64_t changed = 0;  ///< samples with another class than before
};

/// Replaces each label with probability `label_noise` by one of the other classes, all of them
/// equally likely: a function of seed and sample alone. Local. Throws ConfigError where y is not a
/// one-hot encoding of two classes or more.
/// @param y  one-hot encoded, [N x C]
NoisyTargets with_label_noise(const Matrix<double>& y, const std::vector<std::int64_t>& label,
                              const EarlyStoppingOptions& options);

}  // namespace ntkflow
