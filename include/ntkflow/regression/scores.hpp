#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/matrix_view.hpp>

namespace ntkflow {

/// Mean over samples and outputs of (f - y)^2. Local. Both [n x C].
double mean_squared_error(MatrixView<const double> prediction, MatrixView<const double> target);

/// 1/2 mean over samples of |f - y|^2, the cost that gradient flow descends: C/2 times the mean
/// squared error. Local.
double flow_loss(MatrixView<const double> prediction, MatrixView<const double> target);

/// Class of each row: the largest output, or with one output the nearest integer. Local.
std::vector<std::int64_t> predicted_classes(MatrixView<const double> prediction);

/// Fraction of rows whose predicted class is the label. Local.
double accuracy(MatrixView<const double> prediction, std::span<const std::int64_t> label);

}  // namespace ntkflow
