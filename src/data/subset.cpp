#include "subset.hpp"

#include <algorithm>
#include <numeric>
#include <string>
#include <unordered_set>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/hash.hpp>

namespace ntkflow {
namespace {

/// Uniform in [0, bound), without the bias of a plain remainder: the last, incomplete cycle of the
/// 64-bit numbers is drawn again.
std::uint64_t below(const RandomStream& random, std::uint64_t i, std::uint64_t bound) {
  const std::uint64_t complete = UINT64_MAX - UINT64_MAX % bound;
  for (std::uint64_t attempt = 0;; ++attempt) {
    const std::uint64_t bits = random.bits(i, attempt);
    if (bits < complete) {
      return bits % bound;
    }
  }
}

std::vector<std::int64_t> first_of_each_class(std::int64_t offset, std::int64_t n,
                                              std::span<const std::int64_t> labels,
                                              std::int64_t classes) {
  if (labels.empty()) {
    throw ConfigError(
        "data.subset = \"per_class\" needs class labels; use targets.encoding = \"one_hot\" or "
        "\"class_index\", or another subset rule");
  }
  if (n % classes != 0) {
    throw ConfigError("data.train_size = " + std::to_string(n) + " is not a multiple of the " +
                      std::to_string(classes) +
                      " classes, as data.subset = \"per_class\" needs it to be");
  }
  const std::int64_t wanted = n / classes;
  std::vector<std::int64_t> taken(static_cast<std::size_t>(classes), 0);
  std::vector<std::int64_t> rows;
  for (auto row = static_cast<std::size_t>(offset); row < labels.size(); ++row) {
    std::int64_t& count = taken[static_cast<std::size_t>(labels[row])];
    if (count < wanted) {
      ++count;
      rows.push_back(static_cast<std::int64_t>(row));
    }
  }
  for (std::size_t label = 0; label < taken.size(); ++label) {
    if (taken[label] < wanted) {
      throw DataError("class " + std::to_string(label) + " has only " +
                      std::to_string(taken[label]) +
                      " training samples where data.subset = \"per_class\" needs " +
                      std::to_string(wanted) + " of each class");
    }
  }
  return rows;
}

}  // namespace

std::vector<std::int64_t> draw_without_replacement(std::int64_t n, std::int64_t k,
                                                   const RandomStream& random) {
  NTKFLOW_EXPECTS(k >= 0 && k <= n, n, k);
  std::unordered_set<std::int64_t> drawn;
  drawn.reserve(static_cast<std::size_t>(k));
  for (std::int64_t last = n - k; last < n; ++last) {
    const auto number = static_cast<std::int64_t>(
        below(random, static_cast<std::uint64_t>(last), static_cast<std::uint64_t>(last) + 1));
    if (!drawn.insert(number).second) {
      drawn.insert(last);
    }
  }
  std::vector<std::int64_t> sorted(drawn.begin(), drawn.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

std::int64_t training_size(const DataOptions& options, std::int64_t available) {
  if (options.train_offset < 0) {
    throw ConfigError("data.train_offset = " + std::to_string(options.train_offset) +
                      " is negative");
  }
  if (options.train_size && *options.train_size <= 0) {
    throw ConfigError("data.train_size = " + std::to_string(*options.train_size) +
                      "; at least one training sample is needed");
  }
  const std::int64_t left = std::max<std::int64_t>(0, available - options.train_offset);
  const std::string where =
      std::to_string(available) + " samples" +
      (options.train_offset > 0 ? ", " + std::to_string(left) + " of them after data.train_offset"
                                : "");
  if (options.train_size.value_or(1) > left) {
    throw DataError(
        "data.train_size = " + (options.train_size ? std::to_string(*options.train_size) : "all") +
        " cannot be met: the training data has " + where);
  }
  return options.train_size.value_or(left);
}

std::int64_t test_size(const DataOptions& options, std::int64_t available) {
  if (options.test_size && *options.test_size < 0) {
    throw ConfigError("data.test_size = " + std::to_string(*options.test_size) + " is negative");
  }
  if (options.test_size.value_or(0) > available) {
    throw DataError("data.test_size = " + std::to_string(*options.test_size) +
                    " cannot be met: the test data has " + std::to_string(available) + " samples");
  }
  return options.test_size.value_or(available);
}

std::vector<std::int64_t> training_rows(const DataOptions& options, std::int64_t available,
                                        std::span<const std::int64_t> labels,
                                        std::int64_t classes) {
  const std::int64_t n = training_size(options, available);
  const std::int64_t offset = options.train_offset;
  if (options.train_size && options.subset == SubsetRule::per_class) {
    return first_of_each_class(offset, n, labels, classes);
  }
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), offset);
  if (options.train_size && options.subset == SubsetRule::random) {
    rows = draw_without_replacement(available - offset, n,
                                    RandomStream(options.seed, hash_text("ntkflow.data.subset")));
    for (std::int64_t& row : rows) {
      row += offset;
    }
  }
  return rows;
}

}  // namespace ntkflow
