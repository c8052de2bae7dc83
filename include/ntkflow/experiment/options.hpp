#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/dynamics/options.hpp>
#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// The named studies of `ntkflow experiment`.
enum class Study {
  kernel_convergence,
  gaussian_limit,
  principal_components,
  width_scaling,
  boolean_cube,
  sphere,
  learning_rate,
  early_stopping,
  sample_complexity,
  descent,
  finite_width_bound,
  depth,
};

/// What a study is made from, and so which tables its configuration has.
struct StudyNeeds {
  bool data = true;      ///< [data]; a study without makes its own samples, or needs none
  bool networks = true;  ///< [network]: ensembles of finite networks, and [kernel] is their NTK
  bool training = true;  ///< of these networks: [network] says how long and how fast
  bool kernels = false;  ///< several kernels, experiment.kernels, in place of [kernel]
};
constexpr StudyNeeds needs(Study study) {
  switch (study) {
    case Study::boolean_cube:
    case Study::sphere:
      return {.data = false, .networks = false, .training = false, .kernels = true};
    case Study::sample_complexity:
      return {.data = false, .networks = false, .training = false};
    case Study::learning_rate:
    case Study::early_stopping:
      return {.networks = false, .training = false};
    case Study::depth:
      return {.networks = false, .training = false, .kernels = true};
    case Study::finite_width_bound:
      return {.training = false};
    case Study::kernel_convergence:
    case Study::gaussian_limit:
    case Study::principal_components:
    case Study::width_scaling:
    case Study::descent:
      break;
  }
  return {};
}

/// Whether a study draws curves over the unit circle.
constexpr bool draws_curves(Study study) {
  return study == Study::kernel_convergence || study == Study::gaussian_limit;
}

enum class NetworkPrecision { single_precision, double_precision };

/// How parameters follow the negative gradient; see finite/training.hpp.
enum class TrainingMethod { descent, flow };

/// The ensembles of finite networks that a study trains: `draws` for each width.
struct NetworkOptions {
  std::vector<std::int64_t> widths;  ///< ascending, each >= 1
  std::int64_t draws = 10;
  std::uint64_t seed = 0;
  NetworkPrecision precision = NetworkPrecision::double_precision;
  double learning_rate = 1.0;  ///< also the time that one step takes
  std::int64_t steps = 0;
  TrainingMethod method = TrainingMethod::descent;
  UnstableRate unstable = UnstableRate::refuse;
};

/// descent: random features and networks beside their limit, on noisy targets.
struct DescentOptions {
  /// Numbers of features as multiples of the training samples: ascending, > 0.
  std::vector<double> features = {0.0625, 0.125, 0.25, 0.5, 0.7071, 1.0,
                                  1.4142, 2.0,   4.0,  8.0, 16.0};
  /// Ascending, > 0, relative to the mean diagonal of the limiting kernel.
  std::vector<double> ridges = {1e-8, 1e-2};
  double noise = 0.0;  ///< standard deviation of what is added to the training targets, >= 0
};

/// finite-width-bound: how near to the limit the kernels of networks are asked to be.
struct FiniteWidthOptions {
  std::vector<double> epsilons = {0.02, 0.03, 0.045, 0.065, 0.1,
                                  0.15, 0.22, 0.32,  0.45,  0.64};  ///< ascending, > 0
  double confidence = 0.9;  ///< the fraction of networks that is to be as near, inside (0, 1)
  std::vector<double> separations = {0.01, 0.03, 0.1,
                                     0.3};  ///< angles of two samples: ascending, in (0, pi)
};

/// boolean-cube and sphere: where their kernels are looked at.
struct ZonalOptions {
  std::vector<std::int64_t> dimensions;  ///< of the inputs, ascending
  std::int64_t depth = 3;                ///< the largest, of all from 1 on
  std::int64_t degree = 12;              ///< the largest that is recorded
  std::int64_t samples = 1000;           ///< sphere: drawn in the first of the dimensions
  std::uint64_t seed = 0;                ///< sphere: of the samples
};
/// What a study takes where its configuration says nothing.
inline ZonalOptions default_zonal_options(Study study) {
  ZonalOptions options;
  if (study == Study::boolean_cube) {
    options.dimensions = {8, 12, 128};
    options.depth = 64;
  } else {
    options.dimensions = {4, 10};
    options.degree = 32;
  }
  return options;
}
/// Whether a study looks at kernels in dimensions of its own.
constexpr bool is_zonal(Study study) {
  return study == Study::boolean_cube || study == Study::sphere;
}

/// Kernels of networks of depth 1, 2, ... up to `depths`.
struct DepthOptions {
  std::int64_t depths = 10;
  double ridge = 1e-4;  ///< in units of the mean diagonal element
};

/// Discrete descent on the training samples with several rates.
struct LearningRateOptions {
  std::vector<double> rates = {0.5,  1.0,  1.9,
                               1.99, 2.01, 2.1};  ///< ascending, times 1 / lambda_max
  std::int64_t steps = 1000;
};

/// Part of the labels is wrong; test labels are right.
struct EarlyStoppingOptions {
  double label_noise = 0.3;  ///< chance of a training label to become another class, in [0, 1)
  std::uint64_t seed = 0;    ///< of these
};

/// The function x1 x2 on {-1, 1}^d.
struct SampleComplexityOptions {
  std::vector<std::int64_t> dimensions = {24, 32, 40, 48};         ///< d, ascending
  std::vector<double> ratios = {0.125, 0.25, 0.5, 1.0, 2.0, 4.0};  ///< N / d^2, ascending
  std::int64_t test_size = 1000;
  std::int64_t draws = 4;  ///< training sets of each size
  std::uint64_t seed = 0;  ///< of all samples
};
/// Training samples of a dimension and a ratio. Local.
constexpr std::int64_t train_size(std::int64_t dimension, double ratio) {
  return static_cast<std::int64_t>(ratio * static_cast<double>(dimension * dimension) + 0.5);
}

struct ExperimentOptions {
  Study study = Study::kernel_convergence;
  NetworkOptions network;                           ///< where the study needs networks
  std::vector<Architecture> kernels;                ///< that the study compares, each of any depth
  std::int64_t points = 101;                        ///< on the circle, where curves are drawn
  std::vector<double> quantiles = {0.1, 0.5, 0.9};  ///< gaussian-limit: ascending, inside (0, 1)
  std::int64_t component = 2;  ///< principal-components: which one is learned, from 1
  double amplitude = 0.5;      ///< principal-components: of the target along it
  DescentOptions descent;
  FiniteWidthOptions width_bound;
  ZonalOptions zonal;  ///< where is_zonal(study)
  DepthOptions depth;
  LearningRateOptions learning_rate;
  EarlyStoppingOptions early_stopping;
  SampleComplexityOptions sample_complexity;
};

}  // namespace ntkflow
