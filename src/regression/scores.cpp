#include "ntkflow/regression/scores.hpp"

#include <algorithm>
#include <cmath>

namespace ntkflow {

double mean_squared_error(MatrixView<const double> prediction, MatrixView<const double> target) {
  NTKFLOW_EXPECTS(prediction.rows == target.rows && prediction.cols == target.cols, prediction.rows,
                  target.rows);
  double sum = 0.0;
  for (std::int64_t j = 0; j < target.cols; ++j) {
    for (std::int64_t i = 0; i < target.rows; ++i) {
      const double difference = prediction.column(j)[i] - target.column(j)[i];
      sum += difference * difference;
    }
  }
  return sum / static_cast<double>(target.rows * target.cols);
}

double flow_loss(MatrixView<const double> prediction, MatrixView<const double> target) {
  return 0.5 * static_cast<double>(target.cols) * mean_squared_error(prediction, target);
}

std::vector<std::int64_t> predicted_classes(MatrixView<const double> prediction) {
  std::vector<std::int64_t> classes;
  for (std::int64_t i = 0; i < prediction.rows; ++i) {
    if (prediction.cols == 1) {
      classes.push_back(std::llround(prediction.data[i]));
      continue;
    }
    std::int64_t best = 0;
    for (std::int64_t j = 1; j < prediction.cols; ++j) {
      if (prediction.column(j)[i] > prediction.column(best)[i]) {
        best = j;
      }
    }
    classes.push_back(best);
  }
  return classes;
}

double accuracy(MatrixView<const double> prediction, std::span<const std::int64_t> label) {
  const auto classes = predicted_classes(prediction);
  NTKFLOW_EXPECTS(classes.size() == label.size(), classes.size(), label.size());
  std::int64_t right = 0;
  for (std::size_t i = 0; i < label.size(); ++i) {
    right += classes[i] == label[i] ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(label.size());
}

}  // namespace ntkflow
