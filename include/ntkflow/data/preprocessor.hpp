#pragma once

#include <cstdint>
#include <string>
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

/// The preprocessing chain of a run (README, "Preprocessing"), applied in order.
class Preprocessor {
 public:
  Preprocessor() = default;
  /// A chain whose constants are known, as stored in a model file.
  explicit Preprocessor(std::vector<FittedStep> steps) : steps_(std::move(steps)) {}

  /// Fits the chain to the training set, of which each rank holds a share [d x n] that is
  /// preprocessed in place. Collective over comm. @param first  position of the share's first
  /// sample, for messages.
  static Preprocessor fit(const Communicator& comm, const std::vector<PreprocessStep>& steps,
                          MatrixView<double> share, std::int64_t first);

  /// Preprocesses samples [d x n] in place. Local. Throws DataError that names the index (position
  /// + first) of a sample that cannot be normalised. @param name  of the split, for messages.
  void apply(MatrixView<double> samples, const std::string& name,
             const std::int64_t* positions) const;

  [[nodiscard]] const std::vector<FittedStep>& steps() const noexcept { return steps_; }

 private:
  std::vector<FittedStep> steps_;
};

}  // namespace ntkflow
