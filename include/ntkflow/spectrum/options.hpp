#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace ntkflow {

/// Where the eigenpairs come from: all of them from one eigensolve, or the leading ones from
/// products. `automatic` stands for a choice that the program makes before it starts.
enum class SpectrumMethod { full, lanczos, power, automatic };

struct SpectrumOptions {
  std::optional<std::int64_t> count;  ///< leading eigenpairs to store; absent: all
  bool vectors = false;               ///< store eigenvectors as well
  SpectrumMethod method = SpectrumMethod::automatic;
  double tolerance = 1e-10;  ///< lanczos, power: of |K v - lambda v| / lambda_max
  std::uint64_t seed = 0;    ///< lanczos, power: of the random start
  /// Absolute ridges at which the effective dimension is taken, ascending, positive; empty:
  /// standard_ridges().
  std::vector<double> ridges;
  std::vector<double> times;  ///< of the learning curves, in units of 1/lambda_max(K/N), ascending
  std::int64_t modes = 10;    ///< leading modes with a learning curve
  std::vector<double>
      losses;  ///< training losses to which steps are predicted, ascending, positive
  double learning_rate = 1.0;    ///< of these steps, in units of 1/lambda_max(K/N); below 2
  std::int64_t projections = 0;  ///< components of kernel PCA
  bool centre = false;           ///< kernel PCA of features with their mean taken off
};

}  // namespace ntkflow
