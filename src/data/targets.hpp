#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/data/dataset.hpp>
#include <ntkflow/data/options.hpp>

namespace ntkflow {

/// The encoding in force: synthetic targets are always raw. Local.
TargetEncoding encoding_of(const DataOptions& options);

/// Throws DataError unless one number is stored for each sample, as a class label is. Local.
/// @param name  of the file, for messages, here and below.
void check_label_columns(std::int64_t columns, const std::string& name);

/// Reads the targets of rows first_row, first_row + 1, ... as classes. Local. Throws DataError for
/// a label that is negative or no whole number.
std::vector<std::int64_t> class_labels(std::span<const double> stored, std::int64_t first_row,
                                       const std::string& name);

/// Number of classes: as configured, or the largest of the labels of rows first_row, first_row + 1,
/// ... plus one. Local. Throws DataError when that is implausible.
std::int64_t class_count(const TargetOptions& options, std::span<const std::int64_t> labels,
                         std::int64_t first_row, const std::string& name);

/// One-hot targets of a single class are all the same and every prediction is right. Local. Throws
/// ConfigError when one class is configured, DataError when one is found.
void check_several_classes(const TargetOptions& options, std::int64_t classes,
                           const std::string& name);

/// Throws DataError when a label is `classes` or more. Local.
void check_labels(std::span<const std::int64_t> labels, std::int64_t classes,
                  const std::string& name);

/// Throws DataError at the first of the stored targets [C x n] of some rows [n] that is not finite.
/// Local.
void check_finite_targets(MatrixView<const double> stored, std::span<const std::int64_t> rows,
                          const std::string& name);

/// Targets [n x C] of labels [n], one_hot or class_index. Local.
Matrix<double> encode_labels(const TargetOptions& options, TargetEncoding encoding,
                             std::int64_t classes, std::span<const std::int64_t> labels);

}  // namespace ntkflow
