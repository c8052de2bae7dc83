#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/random.hpp>
#include <ntkflow/data/options.hpp>

namespace ntkflow {

/// k different numbers of [0, n), ascending; every set of k is equally likely. Local, the same on
/// every rank. Ref: Floyd, in Bentley, "Programming Pearls: A sample of brilliance", Comm. ACM 30
/// (1987). @pre 0 <= k <= n.
std::vector<std::int64_t> draw_without_replacement(std::int64_t n, std::int64_t k,
                                                   const RandomStream& random);

/// How many training samples the options choose of `available` rows. Local. Throws ConfigError for
/// sizes that are never right, DataError where there are too few rows.
std::int64_t training_size(const DataOptions& options, std::int64_t available);
/// The same for test samples.
std::int64_t test_size(const DataOptions& options, std::int64_t available);

/// The rows of the training samples, ascending: `train_offset` rows are skipped, then the subset
/// rule chooses. All rows, under any rule, when no train_size is given. Local. Throws ConfigError
/// or DataError.
///
/// @param available  rows of the training file.
/// @param labels     class of each row; empty when there are no classes.
std::vector<std::int64_t> training_rows(const DataOptions& options, std::int64_t available,
                                        std::span<const std::int64_t> labels, std::int64_t classes);

}  // namespace ntkflow
