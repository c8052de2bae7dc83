#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/data/options.hpp>
#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {

/// One preprocessing step with the constants fitted to the training set: `center` has one shift,
/// `center_features` one per feature, `standardize_features` a shift and a factor per feature
/// (factor 0 for a constant feature), others none.
struct FittedStep {
  PreprocessStep step = PreprocessStep::unit_interval;
  std::vector<double> shift;
  std::vector<double> factor;
};

/// The preprocessing chain of a run, applied in order to samples x [d]:
///
/// - unit_interval: x / 255;
/// - center: x - m, m the mean of all features of all training samples;
/// - center_features: x_j - m_j, m_j the mean of feature j over the training samples;
/// - standardize_features: (x_j - m_j) / s_j, s_j^2 the mean of (x_j - m_j)^2 over the training
///   samples; exactly 0 where feature j is constant over them;
/// - standardize_samples: (x_j - a) / b, a the mean and b^2 the mean squared deviation of the
///   sample's own features;
/// - unit_norm: x / |x|;
/// - sphere: sqrt(d) x / |x|.
class Preprocessor {
 public:
  Preprocessor() = default;
  /// A chain whose constants are known, as stored in a model file.
  explicit Preprocessor(std::vector<FittedStep> steps) : steps_(std::move(steps)) {}

  /// Fits the chain to the training set, of which each rank holds a share [d x n] that is
  /// preprocessed in place. Means are sums with compensation, so that they do not depend on the
  /// number of ranks beyond rounding. Collective over comm. Throws as `apply`, on all ranks.
  ///
  /// @param rows  numbers of the share's samples, for messages.
  /// @pre         finite values; at least one sample on some rank.
  static Preprocessor fit(const Communicator& comm, const std::vector<PreprocessStep>& steps,
                          MatrixView<double> share, const std::int64_t* rows);

  /// Preprocesses samples [d x n] in place. Local. Throws DataError that names the row of a sample
  /// that cannot be normalised (zero for unit_norm and sphere, constant for standardize_samples).
  ///
  /// @param name  of the samples ("training", "test"), for messages.
  /// @param rows  numbers of the samples, for messages.
  void apply(MatrixView<double> samples, const std::string& name, const std::int64_t* rows) const;

  [[nodiscard]] const std::vector<FittedStep>& steps() const noexcept { return steps_; }

 private:
  std::vector<FittedStep> steps_;
};

}  // namespace ntkflow
