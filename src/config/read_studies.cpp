#include "read_studies.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "read_ascending.hpp"

namespace ntkflow::config {

namespace {

constexpr std::int64_t kMostDraws = 1'000'000;
constexpr std::int64_t kMostPoints = 100'000;
constexpr std::size_t kMostListed = 1'000;
// Of boolean-cube and sphere. Beyond, Krawtchouk polynomials have more than 100 digits, and the
// sphere's rule has too few nodes.
constexpr std::int64_t kMostCubeDimensions = 256;
constexpr std::int64_t kMostSphereDimensions = 1'000;
constexpr std::int64_t kMostDepth = 1'024;
constexpr std::int64_t kMostCubeDegree = 256;
constexpr std::int64_t kMostSphereDegree = 128;
constexpr std::int64_t kMostSamples = std::int64_t{1} << 40;
constexpr std::int64_t kMostDepths = 1'000;
constexpr std::int64_t kMostSteps = 1'000'000;
constexpr double kLargestRate = 4.0;
constexpr std::int64_t kLargestCube = 4'096;
constexpr std::int64_t kMostTestCorners = 1'000'000;
constexpr double kLargestRatio = 1'000.0;

/// A list at a key, ascending, of numbers inside (0, most).
std::vector<double> positive_list(const TableReader& experiment, const char* key,
                                  std::vector<double> fallback,
                                  double most = std::numeric_limits<double>::infinity()) {
  return experiment.has(key)
             ? read_ascending<double>(experiment, key, {1, kMostListed},
                                      [most](double value) { return value > 0.0 && value < most; })
             : std::move(fallback);
}

DescentOptions read_descent(const TableReader& experiment) {
  DescentOptions options;
  options.features = positive_list(experiment, "features", options.features);
  options.ridges = positive_list(experiment, "ridge", options.ridges);
  options.noise = experiment.real("noise", 0.0).value_or(options.noise);
  return options;
}

FiniteWidthOptions read_finite_width(const TableReader& experiment) {
  FiniteWidthOptions options;
  options.epsilons = positive_list(experiment, "epsilons", options.epsilons);
  options.confidence = experiment.real("confidence").value_or(options.confidence);
  if (!(options.confidence > 0.0 && options.confidence < 1.0)) {
    experiment.reject("confidence");
  }
  options.separations =
      positive_list(experiment, "separations", options.separations, std::numbers::pi);
  return options;
}

/// What boolean-cube and sphere look at.
ZonalOptions read_zonal(const TableReader& experiment, Study study) {
  ZonalOptions options = default_zonal_options(study);
  const bool is_cube = study == Study::boolean_cube;
  const std::int64_t least = is_cube ? 1 : 2;
  const std::int64_t most = is_cube ? kMostCubeDimensions : kMostSphereDimensions;
  if (experiment.has("dimensions")) {
    options.dimensions = read_ascending<std::int64_t>(
        experiment, "dimensions", {},
        [&](std::int64_t dimension) { return least <= dimension && dimension <= most; });
  }
  options.depth = experiment.integer("depths", 1, kMostDepth).value_or(options.depth);
  options.degree =
      experiment.integer("degree", is_cube ? 1 : 8, is_cube ? kMostCubeDegree : kMostSphereDegree)
          .value_or(options.degree);
  options.samples = experiment.integer("samples", 1, kMostSamples).value_or(options.samples);
  options.seed = static_cast<std::uint64_t>(experiment.integer("seed", 0).value_or(0));
  return options;
}

DepthOptions read_depth(const TableReader& experiment) {
  DepthOptions options;
  options.depths = experiment.integer("depths", 1, kMostDepths).value_or(options.depths);
  options.ridge = experiment.real("ridge", 0.0).value_or(options.ridge);
  return options;
}

LearningRateOptions read_learning_rate(const TableReader& experiment) {
  LearningRateOptions options;
  if (experiment.has("rates")) {
    options.rates = read_ascending<double>(
        experiment, "rates", {}, [](double rate) { return rate > 0.0 && rate <= kLargestRate; });
  }
  options.steps = experiment.integer("steps", 1, kMostSteps).value_or(options.steps);
  // The loss grows by (rate - 1)^2 with each step.
  constexpr double kMostDecades = 280.0;
  if (!options.rates.empty() && options.rates.back() > 2.0) {
    const double decades = 2.0 * std::log10(options.rates.back() - 1.0);
    if (decades * static_cast<double>(options.steps) > kMostDecades) {
      experiment.complain(
          "steps",
          fmt::format("at a rate of {:g} / lambda_max the loss leaves the range of numbers; "
                      "allowed: at most {:.0f} steps, or smaller rates",
                      options.rates.back(), std::floor(kMostDecades / decades)));
    }
  }
  return options;
}

EarlyStoppingOptions read_early_stopping(const TableReader& experiment) {
  EarlyStoppingOptions options;
  options.label_noise = experiment.real("label_noise", 0.0).value_or(options.label_noise);
  if (options.label_noise >= 1.0) {
    experiment.reject("label_noise");
  }
  options.seed = static_cast<std::uint64_t>(experiment.integer("seed", 0).value_or(0));
  return options;
}

SampleComplexityOptions read_sample_complexity(const TableReader& experiment) {
  SampleComplexityOptions options;
  if (experiment.has("dimensions")) {
    options.dimensions = read_ascending<std::int64_t>(
        experiment, "dimensions", {},
        [](std::int64_t dimension) { return dimension >= 2 && dimension <= kLargestCube; });
  }
  if (experiment.has("ratios")) {
    options.ratios = read_ascending<double>(experiment, "ratios", {}, [](double ratio) {
      return ratio > 0.0 && ratio <= kLargestRatio;
    });
  }
  options.test_size =
      experiment.integer("test_size", 1, kMostTestCorners).value_or(options.test_size);
  options.draws = experiment.integer("draws", 1, kMostDraws).value_or(options.draws);
  options.seed = static_cast<std::uint64_t>(experiment.integer("seed", 0).value_or(0));
  for (const std::int64_t dimension : options.dimensions) {
    for (const double ratio : options.ratios) {
      const std::int64_t size = train_size(dimension, ratio);
      // Half of the corners at most, so that different ones are soon drawn.
      if (size < 1 || (dimension < 62 && size > std::int64_t{1} << (dimension - 1))) {
        experiment.complain("ratios", fmt::format("{:g} d^2 are {} samples of the {}-dimensional "
                                                  "cube; allowed: from 1 to half of its corners",
                                                  ratio, size, dimension));
        return options;
      }
    }
  }
  return options;
}

/// Keys of [experiment] that a study has a use for, beside its name.
std::vector<std::string_view> keys_of(Study study) {
  switch (study) {
    case Study::kernel_convergence:
      return {"points"};
    case Study::gaussian_limit:
      return {"points", "quantiles"};
    case Study::principal_components:
      return {"component", "amplitude"};
    case Study::width_scaling:
      return {};
    case Study::boolean_cube:
      return {"kernels", "dimensions", "depths", "degree"};
    case Study::sphere:
      return {"kernels", "dimensions", "depths", "degree", "samples", "seed"};
    case Study::learning_rate:
      return {"rates", "steps"};
    case Study::early_stopping:
      return {"label_noise", "seed"};
    case Study::sample_complexity:
      return {"dimensions", "ratios", "test_size", "draws", "seed"};
    case Study::descent:
      return {"features", "ridge", "noise"};
    case Study::finite_width_bound:
      return {"epsilons", "confidence", "separations"};
    case Study::depth:
      return {"kernels", "depths", "ridge"};
  }
  return {};
}

}  // namespace

void refuse_foreign_keys(const TableReader& experiment, Study study) {
  const auto known = keys_of(study);
  for (const std::string& key : table_spec("experiment").key_names()) {
    if (key != "name" && experiment.has(key) &&
        std::find(known.begin(), known.end(), key) == known.end()) {
      experiment.complain(key, fmt::format("the study \"{}\" has no use for this key; remove it",
                                           name_of(kStudies, study)));
    }
  }
}

void read_study(const TableReader& experiment, ExperimentOptions& options) {
  switch (options.study) {
    case Study::kernel_convergence:
    case Study::gaussian_limit:
      options.points = experiment.integer("points", 2, kMostPoints).value_or(options.points);
      if (experiment.has("quantiles")) {
        options.quantiles = read_quantiles(experiment, 1);
      }
      break;
    case Study::principal_components:
      options.component = experiment.integer("component", 1).value_or(options.component);
      options.amplitude = experiment.real("amplitude").value_or(options.amplitude);
      if (options.amplitude == 0.0) {
        experiment.reject("amplitude");
      }
      break;
    case Study::width_scaling:
      break;
    case Study::boolean_cube:
    case Study::sphere:
      options.zonal = read_zonal(experiment, options.study);
      break;
    case Study::learning_rate:
      options.learning_rate = read_learning_rate(experiment);
      break;
    case Study::early_stopping:
      options.early_stopping = read_early_stopping(experiment);
      break;
    case Study::sample_complexity:
      options.sample_complexity = read_sample_complexity(experiment);
      break;
    case Study::descent:
      options.descent = read_descent(experiment);
      break;
    case Study::finite_width_bound:
      options.width_bound = read_finite_width(experiment);
      break;
    case Study::depth:
      options.depth = read_depth(experiment);
      break;
  }
}

}  // namespace ntkflow::config
