#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/finite/network.hpp>

namespace ntkflow {

/// How parameters follow the negative gradient: descent, theta -= h grad, or the flow d theta / dt
/// = -grad by Heun's method, whose error over a given time is of second order in h.
enum class Integrator { descent, flow };

struct TrainingOptions {
  double learning_rate = 1.0;  ///< h: the time that one step takes
  std::int64_t steps = 0;
  Integrator integrator = Integrator::descent;
};

struct TrainingOutcome {
  /// 1/2 mean_i |f(x_i) - y_i|^2 before each step and after the last one; finite. After divergence
  /// those up to and including the one before step `diverged_at`.
  std::vector<double> loss;
  /// The step, counted from 0, that was taken back, or not taken at all: after it the loss was not
  /// finite or beyond kDivergence times the larger of its first value and the loss of f = 0, or it
  /// might have moved a parameter by more than 1 / eps of Real. Then training ended, with the
  /// parameters from before this step. They are finite, and each is off by a few eps of the larger
  /// of itself and its change in this step, since a step is taken back by the opposite one.
  /// Negative: none.
  ///
  /// Where the loss is not finite at the very start, 0, with no losses and untouched parameters.
  std::int64_t diverged_at = -1;
};
inline constexpr double kDivergence = 1e4;

/// Called before each step and after the last with f on the training set, [N x C]. The network's
/// own parameters are up to date only when `train` has returned.
using TrainingVisit = std::function<void(std::int64_t step, const Matrix<double>& outputs)>;

/// Trains all parameters by full batches on the cost 1/2 mean_i |f(x_i) - y_i|^2. Local.
///
/// @param network  moves to its last parameters
/// @param x        [d x N]
/// @param target   [N x C]
/// @param visit    may be empty
/// @param options  learning_rate > 0
/// Throws InterruptedError when the monitor asks to stop; the parameters are then of no use.
/// Cost: 6 flop per sample, parameter and step of descent, twice that of flow. Where N is small and
/// layers are large, updates wait in factored form (U V^T, at most 64 columns), so that a step
/// reads the weights twice instead of reading them three times and writing them once.
template <class Real>
TrainingOutcome train(Network<Real>& network, MatrixView<const Real> x,
                      const Matrix<double>& target, const TrainingOptions& options,
                      const TrainingVisit& visit, Monitor& monitor);

/// Bytes that a network, its training on `samples` samples, and tangents of `tangent_samples`
/// samples in all take on a rank, with `kernel_values` values of their kernels; samples and targets
/// themselves are the caller's. Training and tangents are counted as if they were there at once.
/// Local.
std::int64_t training_bytes(const Architecture& architecture, const NetworkShape& shape,
                            std::int64_t samples, std::int64_t tangent_samples,
                            std::int64_t kernel_values, std::int64_t bytes_per_real,
                            Integrator integrator);

/// Floating-point operations of training on `samples` samples for so many steps. Local.
double training_flop(const Architecture& architecture, const NetworkShape& shape,
                     std::int64_t samples, const TrainingOptions& options);

}  // namespace ntkflow
