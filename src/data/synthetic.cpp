#include "synthetic.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/hash.hpp>
#include <ntkflow/base/random.hpp>

#include "subset.hpp"

namespace ntkflow {
namespace {

std::string name_of(SyntheticKind kind) {
  switch (kind) {
    case SyntheticKind::circle:
      return "circle";
    case SyntheticKind::sphere:
      return "sphere";
    case SyntheticKind::boolean_cube:
      return "boolean_cube";
    case SyntheticKind::gaussian:
      return "gaussian";
  }
  return {};
}

void check_dimension(SyntheticKind kind, std::int64_t dimension) {
  constexpr std::int64_t kLargest = std::int64_t{1} << 20;
  if (dimension < 1 || dimension > kLargest) {
    throw ConfigError("data.dimension = " + std::to_string(dimension) + " is not between 1 and " +
                      std::to_string(kLargest));
  }
  if (kind == SyntheticKind::circle && dimension != 2) {
    throw ConfigError("data.dimension = " + std::to_string(dimension) +
                      ", but a circle has dimension 2");
  }
  if (kind == SyntheticKind::boolean_cube && dimension > kLargestCubeDimension) {
    throw ConfigError("data.dimension = " + std::to_string(dimension) +
                      "; a boolean_cube may have at most " + std::to_string(kLargestCubeDimension) +
                      ", or use " + kExactCubeRoute);
  }
}

RandomStream stream_of(std::uint64_t seed, Split split) {
  return {seed, hash_text(split == Split::train ? "ntkflow.data.synthetic.train"
                                                : "ntkflow.data.synthetic.test")};
}

std::vector<std::string> coordinate_names(std::int64_t dimension) {
  std::vector<std::string> names;
  for (std::int64_t j = 1; j <= dimension; ++j) {
    std::string& name = names.emplace_back("x");
    name += std::to_string(j);
  }
  return names;
}

Expression parse_target(const std::string& text, std::int64_t dimension) {
  try {
    return {text, coordinate_names(dimension)};
  } catch (const ConfigError& error) {
    throw ConfigError(std::string("data.target = ") + error.what());
  }
}

}  // namespace

SyntheticSource::SyntheticSource(const DataOptions& options, Split split)
    : kind_(options.synthetic.kind),
      dimension_(options.synthetic.dimension),
      seed_(options.seed),
      split_(split),
      name_("synthetic " + name_of(kind_)) {
  check_dimension(kind_, dimension_);
  const bool is_cube = kind_ == SyntheticKind::boolean_cube;
  const auto wanted = split == Split::train ? options.synthetic.size : options.test_size;
  constexpr std::int64_t kLargest = std::int64_t{1} << 40;
  if (wanted && (*wanted < 1 || *wanted > kLargest)) {
    throw ConfigError((split == Split::train ? "data.size = " : "data.test_size = ") +
                      std::to_string(*wanted) + " is not between 1 and " +
                      std::to_string(kLargest));
  }
  if (!wanted && !is_cube) {
    throw ConfigError("data.size is needed for kind = \"" + name_of(kind_) + "\"");
  }
  if (is_whole_cube(options) && dimension_ > kLargestWholeCube) {
    throw ConfigError("data.dimension = " + std::to_string(dimension_) +
                      "; all corners of a boolean_cube may be samples up to dimension " +
                      std::to_string(kLargestWholeCube) + ": set data.size for some of them, or " +
                      "use " + kExactCubeRoute);
  }
  const std::int64_t corners = is_cube ? std::int64_t{1} << dimension_ : 0;
  size_ = wanted.value_or(corners);
  if (is_cube && wanted) {
    if (size_ > corners) {
      throw ConfigError("a boolean_cube of dimension " + std::to_string(dimension_) + " has " +
                        std::to_string(corners) + " corners, fewer than the " +
                        std::to_string(size_) + " samples wanted");
    }
    corners_ = draw_without_replacement(corners, size_, stream_of(seed_, split_));
  }
  target_.emplace(parse_target(options.synthetic.target, dimension_));
  target_columns_ = target_->columns();
}

std::string SyntheticSource::targets_name() const {
  return target_->text();
}

void SyntheticSource::make_sample(std::int64_t row, double* x) const {
  const RandomStream random = stream_of(seed_, split_);
  const auto i = static_cast<std::uint64_t>(row);
  switch (kind_) {
    case SyntheticKind::circle: {
      const double offset = split_ == Split::test ? 0.5 : 0.0;
      const double turn = (static_cast<double>(row) + offset) / static_cast<double>(size_);
      const double angle = 2.0 * std::numbers::pi * turn;
      x[0] = std::cos(angle);
      x[1] = std::sin(angle);
      return;
    }
    case SyntheticKind::boolean_cube: {
      const std::int64_t corner = corners_.empty() ? row : corners_[static_cast<std::size_t>(row)];
      for (std::int64_t j = 0; j < dimension_; ++j) {
        x[j] = (corner >> j & 1) != 0 ? 1.0 : -1.0;
      }
      return;
    }
    case SyntheticKind::sphere:
    case SyntheticKind::gaussian:
      break;
  }
  double squared_norm = 0.0;
  for (std::int64_t j = 0; j < dimension_; ++j) {
    x[j] = random.normal(i, static_cast<std::uint64_t>(j));
    squared_norm += x[j] * x[j];
  }
  if (kind_ == SyntheticKind::sphere) {
    // The normal distribution is invariant under rotations, so its direction is uniform.
    const double norm = std::sqrt(squared_norm);
    for (std::int64_t j = 0; j < dimension_; ++j) {
      x[j] /= norm;
    }
  }
}

void SyntheticSource::read_inputs(std::span<const std::int64_t> rows, MatrixView<double> samples) {
  NTKFLOW_EXPECTS(
      samples.rows == dimension_ && samples.cols == static_cast<std::int64_t>(rows.size()),
      samples.rows, samples.cols, rows.size());
  for (std::int64_t j = 0; j < samples.cols; ++j) {
    make_sample(rows[static_cast<std::size_t>(j)], samples.column(j));
  }
}

void SyntheticSource::read_targets(std::span<const std::int64_t> rows, MatrixView<double> targets) {
  NTKFLOW_EXPECTS(
      targets.rows == target_columns_ && targets.cols == static_cast<std::int64_t>(rows.size()),
      targets.rows, targets.cols, rows.size());
  for (std::int64_t j = 0; j < targets.cols; ++j) {
    make_sample(rows[static_cast<std::size_t>(j)], target_->variables().data());
    target_->evaluate({targets.column(j), static_cast<std::size_t>(target_columns_)});
  }
}

}  // namespace ntkflow
