#pragma once

#include <cstdint>
#include <vector>

namespace ntkflow {

/// What `times` are multiples of: 1/lambda_max(K/N), or 1.
enum class TimeUnit { inverse_lambda_max, absolute };
/// f_0: zero, or a draw from the Gaussian process of the network at initialisation.
enum class InitialFunction { zero, gaussian_process };

/// How f_t is computed: in the eigenbasis of K, or projected on a Krylov space. `automatic` stands
/// for a choice that the program makes before it starts.
enum class FlowMethod { spectral, krylov, automatic };
/// Products with K that build the Krylov space: with the stored matrix, or with kernel values
/// evaluated anew in double precision, every solve refined.
enum class FlowProducts { stored, regenerated };

/// How training moves f; see training_rule.hpp.
enum class Optimizer { flow, gradient_descent, heavy_ball, nesterov };
/// What to do with a learning rate beyond the stable limit.
enum class UnstableRate { refuse, run };

/// What is trained: all layers, so that f_t moves by the NTK, or the last one alone, so that it
/// moves by the NNGP kernel.
enum class TrainedLayers { all, last };

struct DynamicsOptions {
  Optimizer optimizer = Optimizer::flow;
  /// Ascending, not negative: times of the flow, or numbers of steps, whole, of an optimizer.
  std::vector<double> times;
  TimeUnit time_unit = TimeUnit::inverse_lambda_max;  ///< of times and learning rate, not of steps
  double learning_rate = 1.0;                         ///< of an optimizer
  double momentum = 0.0;                              ///< in [0, 1), of heavy_ball and nesterov
  UnstableRate unstable = UnstableRate::refuse;
  FlowMethod method = FlowMethod::spectral;
  FlowProducts products = FlowProducts::stored;
  /// krylov: estimated error of f_t, relative to max |y - f_0|, or to f_t where training diverges.
  double tolerance = 1e-10;
  InitialFunction initial = InitialFunction::zero;
  std::uint64_t seed = 0;  ///< of the draw
};

/// The Gaussian law of f_t at the test points.
struct PosteriorOptions {
  std::vector<double> times;  ///< ascending, not negative; the last may be infinite
  TimeUnit time_unit = TimeUnit::inverse_lambda_max;
  TrainedLayers training = TrainedLayers::all;
  bool covariance = false;        ///< also between test points
  std::vector<double> quantiles;  ///< ascending, inside (0, 1)
  std::int64_t samples = 0;       ///< sample paths
  std::uint64_t seed = 0;         ///< of the paths
};

}  // namespace ntkflow
