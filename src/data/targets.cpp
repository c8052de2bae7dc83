#include "targets.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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

std::vector<std::int64_t> class_labels(MatrixView<const double> stored, const std::string& name) {
  if (stored.rows != 1) {
    throw DataError("'" + name + "' holds " + std::to_string(stored.rows) +
                    " numbers per sample where one class label is expected; use "
                    "targets.encoding = \"raw\" for real targets, and check that inputs and "
                    "targets are not swapped");
  }
  constexpr double kLargest = 0x1p53;
  std::vector<std::int64_t> labels(static_cast<std::size_t>(stored.cols));
  for (std::int64_t i = 0; i < stored.cols; ++i) {
    const double value = stored(0, i);
    if (!(value >= 0.0 && value < kLargest) || value != std::floor(value)) {
      throw DataError("'" + name + "', row " + std::to_string(i) + " (from 0): the label " +
                      (std::abs(value) < kLargest ? text_of(value) : std::to_string(value)) +
                      " is not a class number 0, 1, 2, ...");
    }
    labels[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(value);
  }
  return labels;
}

std::int64_t class_count(const TargetOptions& options, std::span<const std::int64_t> labels,
                         const std::string& name) {
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
    throw DataError("'" + name + "', row " + std::to_string(largest - labels.begin()) +
                    " (from 0): the label " + std::to_string(*largest) +
                    " is implausibly large for a class number; set data.targets.classes if it "
                    "is one");
  }
  return *largest + 1;
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

void check_finite_targets(MatrixView<const double> stored, const std::string& name) {
  for (std::int64_t i = 0; i < stored.cols; ++i) {
    for (std::int64_t c = 0; c < stored.rows; ++c) {
      if (!std::isfinite(stored(c, i))) {
        throw DataError("'" + name + "', row " + std::to_string(i) + ", column " +
                        std::to_string(c) + " (both from 0): the target is not a finite number");
      }
    }
  }
}

SplitInfo encode_targets(const TargetOptions& options, TargetEncoding encoding,
                         std::int64_t classes, std::vector<std::int64_t> rows,
                         MatrixView<const double> stored, std::span<const std::int64_t> labels) {
  SplitInfo info;
  info.source_row = std::move(rows);
  const std::int64_t n = info.size();
  if (encoding == TargetEncoding::raw) {
    info.target = Matrix<double>(n, stored.rows);
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t c = 0; c < stored.rows; ++c) {
        info.target(i, c) = stored(c, info.source_row[static_cast<std::size_t>(i)]);
      }
    }
    return info;
  }
  for (const std::int64_t row : info.source_row) {
    info.label.push_back(labels[static_cast<std::size_t>(row)]);
  }
  const bool is_one_hot = encoding == TargetEncoding::one_hot;
  info.target = Matrix<double>(n, is_one_hot ? classes : 1);
  if (is_one_hot) {
    std::fill_n(info.target.data(), info.target.size(), options.off);
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t label = info.label[static_cast<std::size_t>(i)];
    if (is_one_hot) {
      info.target(i, label) = options.on;
    } else {
      info.target(i, 0) = static_cast<double>(label);
    }
  }
  return info;
}

}  // namespace ntkflow
