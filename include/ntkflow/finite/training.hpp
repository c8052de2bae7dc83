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
  /// 1/2 mean_i |f(x_i) - y_i|^2 before each step and after the last one; finite.
  std::vector<double> loss;
  /// The step after which the loss was not finite, or had grown beyond kDivergence times the larger
  /// of its first value and the loss of f = 0; then training ended with the parameters
  /// of the last step that had not. Negative: none.
  std::int64_t diverged_at = -1;
};
inline constexpr double kDivergence = 1e4;

/// Called before each step and after the last with f on the training set, [N x C].
using TrainingVisit = std::function<void(std::int64_t step, const Matrix<double>& outputs)>;

/// Trains all parameters by full batches on the cost 1/2 mean_i |f(x_i) - y_i|^2. Local.
///
/// @param network  moves to its last parameters
/// @param x        [d x N]
/// @param target   [N x C]
/// @param visit    may be empty
/// Throws InterruptedError when the monitor asks to stop.
/// Cost: 6 flop per sample, parameter and step. Where N is small, updates wait in factored form (U
/// V^T, at most kDelayedColumns columns) and each step reads the weights twice instead of reading
/// them three times and writing them once.
template <class Real>
TrainingOutcome train(Network<Real>& network, MatrixView<const Real> x,
                      const Matrix<double>& target, const TrainingOptions& options,
                      const TrainingVisit& visit, Monitor& monitor);

/// Bytes that training and the tangents of `samples` samples take on a rank: the parameters, and
/// what a pass and the delayed updates hold. Local.
std::int64_t training_bytes(const Architecture& architecture, const NetworkShape& shape,
                            std::int64_t samples, std::int64_t tangent_samples,
                            std::int64_t bytes_per_real);

}  // namespace ntkflow
