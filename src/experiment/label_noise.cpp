#include "label_noise.hpp"

#include <algorithm>
#include <utility>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/hash.hpp>
#include <ntkflow/base/random.hpp>

namespace ntkflow {

namespace {

/// Whether row i of y is `on` at its class and the same everywhere else.
bool is_one_hot(const Matrix<double>& y, std::int64_t i, std::int64_t label) {
  if (label < 0 || label >= y.cols()) {
    return false;
  }
  const double off = y(i, label == 0 ? 1 : 0);
  for (std::int64_t j = 0; j < y.cols(); ++j) {
    if (j == label ? !(y(i, j) > off) : y(i, j) != off) {
      return false;
    }
  }
  return true;
}

}  // namespace

NoisyTargets with_label_noise(const Matrix<double>& y, const std::vector<std::int64_t>& label,
                              const EarlyStoppingOptions& options) {
  const std::int64_t classes = y.cols();
  const double p = options.label_noise;
  const RandomStream random(options.seed, hash_text("ntkflow.experiment.label_noise"));
  NoisyTargets result{y.clone(), Matrix<double>(y.rows(), classes), label, 0};
  for (std::int64_t i = 0; i < y.rows(); ++i) {
    const auto sample = static_cast<std::uint64_t>(i);
    std::int64_t& mine = result.label[static_cast<std::size_t>(i)];
    const std::int64_t right = mine;
    if (classes < 2 || !is_one_hot(y, i, right)) {
      throw ConfigError(
          "label noise needs one output for each class; set data.targets = { encoding = "
          "\"one_hot\" }");
    }
    const double on = y(i, right);
    const double off = y(i, right == 0 ? 1 : 0);
    if (random.uniform(sample, 0) < p) {
      const auto shift = 1 + static_cast<std::int64_t>(random.uniform(sample, 1) *
                                                       static_cast<double>(classes - 1));
      mine = (right + std::min(shift, classes - 1)) % classes;
      std::swap(result.y(i, right), result.y(i, mine));
      ++result.changed;
    }
    for (std::int64_t j = 0; j < classes; ++j) {
      const double chance = j == right ? 1.0 - p : p / static_cast<double>(classes - 1);
      result.noise(i, j) = result.y(i, j) - off - (on - off) * chance;
    }
  }
  return result;
}

}  // namespace ntkflow
