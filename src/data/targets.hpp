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

/// Reads stored targets [1 x n] as classes. Local. Throws DataError for a target of several
/// numbers, or a label that is negative or no whole number. @param name  of the file, for messages.
std::vector<std::int64_t> class_labels(MatrixView<const double> stored, const std::string& name);

/// Number of classes: as configured, or the largest training label plus one. Local. Throws
/// DataError when that is implausible.
std::int64_t class_count(const TargetOptions& options, std::span<const std::int64_t> labels,
                         const std::string& name);

/// Throws DataError when a label is `classes` or more. Local.
void check_labels(std::span<const std::int64_t> labels, std::int64_t classes,
                  const std::string& name);

/// Throws DataError at the first value of stored targets [C x n] that is not finite. Local.
void check_finite_targets(MatrixView<const double> stored, const std::string& name);

/// Chooses and encodes the targets of some rows. Local.
///
/// @param stored  [C x n] as stored, for raw targets.
/// @param labels  class of each stored row, for the other encodings.
SplitInfo encode_targets(const TargetOptions& options, TargetEncoding encoding,
                         std::int64_t classes, std::vector<std::int64_t> rows,
                         MatrixView<const double> stored, std::span<const std::int64_t> labels);

}  // namespace ntkflow
