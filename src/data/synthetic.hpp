#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ntkflow/base/expression.hpp>

#include "sample_source.hpp"

namespace ntkflow {

/// Samples made by a formula, each by itself, so that any rank can make any of them alone:
///
/// - circle: (cos a, sin a), a = 2 pi i / size; test points at a = 2 pi (i + 1/2) / test size;
/// - sphere: uniform on |x| = 1;
/// - gaussian: independent standard normal coordinates;
/// - boolean_cube: corners of {-1, 1}^d; number b has x_j = 1 where bit j - 1 of b is set. All 2^d
///   in ascending b without a size, else a seeded draw without replacement, ascending too. Test
///   points are a draw of their own and may repeat training points.
///
/// Random test points come from another stream than the training points. Targets are the values of
/// one expression in x1 ... xd, or of several separated by commas. Local, every member.
class SyntheticSource final : public SampleSource {
 public:
  /// Throws ConfigError for sizes and dimensions that the kind cannot have, and for an expression
  /// that cannot be evaluated.
  SyntheticSource(const DataOptions& options, Split split);

  [[nodiscard]] std::int64_t size() const override { return size_; }
  [[nodiscard]] std::int64_t dimension() const override { return dimension_; }
  [[nodiscard]] std::int64_t target_columns() const override { return target_columns_; }
  void read_inputs(std::span<const std::int64_t> rows, MatrixView<double> samples) override;
  void read_targets(std::span<const std::int64_t> rows, MatrixView<double> targets) override;
  [[nodiscard]] std::string inputs_name() const override { return name_; }
  [[nodiscard]] std::string targets_name() const override;

 private:
  void make_sample(std::int64_t row, double* x) const;

  SyntheticKind kind_;
  std::int64_t dimension_;
  std::int64_t size_ = 0;
  std::uint64_t seed_;
  Split split_;
  std::vector<std::int64_t> corners_;  ///< of boolean_cube, when not all
  std::string name_;
  std::optional<Expression> target_;
  std::int64_t target_columns_ = 0;
};

}  // namespace ntkflow
