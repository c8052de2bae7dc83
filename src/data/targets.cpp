#include "targets.hpp"

#include <algorithm>
#include <cmath>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

namespace ntkflow {
namespace {

/// Shortest decimal form of a number, for messages.
std::string text_of(double value) {
  const auto whole = static_cast<std::int64_t>(value);
  return static_cast<double>(whole) == value ? std::to_string(whole) : std::to_string(value);
}

}  // namespace

TargetEncoding encoding_of(const DataOptions& options) {
  return options.format == DataFormat::synthetic ? TargetEncoding::raw : options.targets.encoding;
}

void check_label_columns(std::int64_t columns, const std::string& name) {
  if (columns != 1) {
    throw DataError("'" + name + "' holds " + std::to_string(columns) +
                    " numbers per sample where one class label is expected; use "
                    "targets.encoding = \"raw\" for real targets, and check that inputs and "
                    "targets are not swapped");
  }
}

std::vector<std::int64_t> class_labels(std::span<const double> stored, std::int64_t first_row,
                                       const std::string& name) {
  constexpr double kLargest = 0x1p53;
  std::vector<std::int64_t> labels(stored.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const double value = stored[i];
    if (!(value >= 0.0 && value < kLargest) || value != std::floor(value)) {
      throw DataError("'" + name + "', row " +
                      std::to_string(first_row + static_cast<std::int64_t>(i)) +
                      " (from 0): the label " +
                      (std::abs(value) < kLargest ? text_of(value) : std::to_string(value)) +
                      " is not a class number 0, 1, 2, ...");
    }
    labels[i] = static_cast<std::int64_t>(value);
  }
  return labels;
}

std::int64_t class_count(const TargetOptions& options, std::span<const std::int64_t> labels,
                         std::int64_t first_row, const std::string& name) {
  if (options.classes) {
    constexpr std::int64_t kLargest = 1'000'000;
    if (*options.classes < 1 || *options.classes > kLargest) {
      throw ConfigError("data.targets.classes = " + std::to_string(*options.classes) +
                        " is not between 1 and " + std::to_string(kLargest));
    }
    return *options.classes;
  }
  // A stray large label would otherwise ask for an immense one-hot matrix.
  constexpr std::int64_t kLargestGuess = 10'000;
  const auto largest = std::max_element(labels.begin(), labels.end());
  NTKFLOW_EXPECTS(largest != labels.end());
  if (*largest >= kLargestGuess) {
    throw DataError("'" + name + "', row " +
                    std::to_string(first_row + (largest - labels.begin())) +
                    " (from 0): the label " + std::to_string(*largest) +
                    " is implausibly large for a class number; set data.targets.classes if it "
                    "is one");
  }
  return *largest + 1;
}

void check_several_classes(const TargetOptions& options, std::int64_t classes,
                           const std::string& name) {
  if (options.encoding != TargetEncoding::one_hot || classes > 1) {
    return;
  }
  const std::string advice =
      "; use encoding = \"raw\" or \"class_index\" for targets that are no classes";
  if (options.classes) {
    throw ConfigError(
        "data.targets.classes = 1: with only one class there is nothing to tell apart" + advice);
  }
  throw DataError("'" + name + "' has only one class, for every label is 0" + advice +
                  ", or set data.targets.classes if other classes exist");
}

void check_labels(std::span<const std::int64_t> labels, std::int64_t classes,
                  const std::string& name) {
  const auto wrong = std::find_if(labels.begin(), labels.end(),
                                  [&](std::int64_t label) { return label >= classes; });
  if (wrong != labels.end()) {
    throw DataError("'" + name + "', row " + std::to_string(wrong - labels.begin()) +
                    " (from 0): the label " + std::to_string(*wrong) + " is outside the " +
                    std::to_string(classes) + " classes 0 to " + std::to_string(classes - 1));
  }
}

void check_finite_targets(MatrixView<const double> stored, std::span<const std::int64_t> rows,
                          const std::string& name) {
  for (std::int64_t i = 0; i < stored.cols; ++i) {
    for (std::int64_t c = 0; c < stored.rows; ++c) {
      if (!std::isfinite(stored(c, i))) {
        throw DataError("'" + name + "', row " + std::to_string(rows[static_cast<std::size_t>(i)]) +
                        ", column " + std::to_string(c) +
                        " (both from 0): the target is not a finite number");
      }
    }
  }
}

Matrix<double> encode_labels(const TargetOptions& options, TargetEncoding encoding,
                             std::int64_t classes, std::span<const std::int64_t> labels) {
  const auto n = static_cast<std::int64_t>(labels.size());
  const bool is_one_hot = encoding == TargetEncoding::one_hot;
  Matrix<double> target(n, is_one_hot ? classes : 1);
  if (is_one_hot) {
    std::fill_n(target.data(), target.size(), options.off);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t label = labels[static_cast<std::size_t>(i)];
    if (is_one_hot) {
      target(i, label) = options.on;
    } else {
      target(i, 0) = static_cast<double>(label);
    }
  }
  return target;
}

}  // namespace ntkflow
