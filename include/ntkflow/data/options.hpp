#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ntkflow {

enum class DataFormat { idx, hdf5, csv, synthetic };
enum class SubsetRule { first, random, per_class };
enum class PreprocessStep {
  unit_interval,
  center,
  center_features,
  standardize_features,
  standardize_samples,
  unit_norm,
  sphere
};
/// one_hot: [N x C] with `on` for the sample's class and `off` elsewhere; class_index: [N x 1], the
/// label as a number; raw: [N x C], the stored numbers as they are, in every format (synthetic
/// targets always).
enum class TargetEncoding { one_hot, class_index, raw };
enum class SyntheticKind { circle, sphere, boolean_cube, gaussian };

/// The two files (or "file.h5:/path/to/dataset") of one part of the data.
struct DataFiles {
  std::string inputs;
  std::string targets;  ///< empty for csv, whose targets are columns of `inputs`
};

struct TargetOptions {
  TargetEncoding encoding = TargetEncoding::one_hot;
  double on = 0.9;    ///< value of the sample's own class
  double off = -0.1;  ///< value of every other class
  std::optional<std::int64_t>
      classes;  ///< number of classes; absent: the largest label of the training file plus one
};

struct SyntheticOptions {
  SyntheticKind kind = SyntheticKind::circle;
  std::optional<std::int64_t>
      size;  ///< training samples; absent only for boolean_cube: all 2^dimension corners
  std::int64_t dimension = 2;
  std::string target =
      "x1*x2";  ///< an expression in x1 ... xd; several, with commas between, for several outputs
};

struct DataOptions {
  DataFormat format = DataFormat::idx;
  DataFiles train;
  DataFiles test;                          ///< both empty: no test set
  std::optional<std::int64_t> train_size;  ///< absent: all
  std::int64_t train_offset = 0;           ///< training rows skipped before the subset rule
  std::optional<std::int64_t> test_size;   ///< absent: all (synthetic: 0)
  SubsetRule subset = SubsetRule::first;
  std::uint64_t seed = 0;
  std::vector<PreprocessStep> preprocess;
  TargetOptions targets;
  std::vector<std::string>
      target_columns;  ///< csv: header names or numbers from 0; empty: the last column
  SyntheticOptions synthetic;
};

/// Corners of the boolean cube are numbered in 64 bits.
inline constexpr std::int64_t kLargestCubeDimension = 62;
/// The largest boolean cube whose corners may all be samples; the kernel matrix has 2 PB.
inline constexpr std::int64_t kLargestWholeCube = 24;
/// What finds the spectrum on all corners from d+1 kernel values, for messages.
inline constexpr const char* kExactCubeRoute =
    "ntkflow experiment boolean-cube, which needs d+1 kernel values for any d up to 256";

/// Whether the training samples are all corners of a boolean cube. Local.
inline bool is_whole_cube(const DataOptions& options) {
  return options.format == DataFormat::synthetic &&
         options.synthetic.kind == SyntheticKind::boolean_cube && !options.synthetic.size &&
         !options.train_size;
}

/// The name of a step as the configuration spells it, and back (empty when unknown). Local.
std::string to_string(PreprocessStep step);
std::optional<PreprocessStep> preprocess_step_from(const std::string& name);

}  // namespace ntkflow
