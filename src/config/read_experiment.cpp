#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "read_ascending.hpp"
#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

constexpr std::int64_t kMostUnits = std::int64_t{1} << 24;
constexpr std::int64_t kMostDraws = 1'000'000;
constexpr std::int64_t kMostPoints = 100'000;
constexpr std::int64_t kMostDepths = 1'000;
constexpr std::int64_t kMostSteps = 1'000'000;
constexpr double kLargestRate = 4.0;
constexpr std::int64_t kLargestCube = 4'096;
constexpr double kLargestRatio = 1'000.0;

NetworkOptions read_network(const TableReader& network, bool trains) {
  NetworkOptions options;
  if (network.has("widths")) {
    options.widths = read_ascending<std::int64_t>(network, "widths", {}, [](std::int64_t width) {
      return width >= 1 && width <= kMostUnits;
    });
  }
  options.draws = network.integer("draws", 1, kMostDraws).value_or(options.draws);
  options.seed = static_cast<std::uint64_t>(network.integer("seed", 0).value_or(0));
  options.precision = network.choice("precision", kNetworkPrecisions).value_or(options.precision);
  options.learning_rate =
      network.real("learning_rate", std::numeric_limits<double>::min()).value_or(1.0);
  options.steps = network.integer("steps", 0).value_or(options.steps);
  options.method = network.choice("method", kTrainingMethods).value_or(options.method);
  options.unstable = network.choice("unstable", kUnstableRates).value_or(options.unstable);
  const auto require = [&](const char* key) {
    if (network.present() && !network.has(key)) {
      network.require(key);
    }
  };
  require("widths");
  for (const char* key : {"learning_rate", "steps"}) {
    if (trains) {
      require(key);
    }
  }
  for (const char* key : {"learning_rate", "steps", "method", "unstable"}) {
    if (!trains && network.has(key)) {
      network.complain(key, "this study does not train its networks; remove the key");
    }
  }
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
  options.test_size = experiment.integer("test_size", 1).value_or(options.test_size);
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

/// Keys that some studies alone have a use for.
struct StudyKey {
  const char* key;
  bool (*is_used)(Study);
};
constexpr StudyKey kStudyKeys[] = {
    {"kernels", [](Study study) { return needs(study).kernels; }},
    {"points", draws_curves},
    {"quantiles", [](Study study) { return study == Study::gaussian_limit; }},
    {"component", [](Study study) { return study == Study::principal_components; }},
    {"amplitude", [](Study study) { return study == Study::principal_components; }},
    {"depths", [](Study study) { return study == Study::depth; }},
    {"ridge", [](Study study) { return study == Study::depth; }},
    {"rates", [](Study study) { return study == Study::learning_rate; }},
    {"steps", [](Study study) { return study == Study::learning_rate; }},
    {"label_noise", [](Study study) { return study == Study::early_stopping; }},
    {"dimensions", [](Study study) { return study == Study::sample_complexity; }},
    {"ratios", [](Study study) { return study == Study::sample_complexity; }},
    {"test_size", [](Study study) { return study == Study::sample_complexity; }},
    {"draws", [](Study study) { return study == Study::sample_complexity; }},
    {"seed",
     [](Study study) {
       return study == Study::early_stopping || study == Study::sample_complexity;
     }},
};

}  // namespace

ExperimentOptions read_experiment(const TableReader& network, const TableReader& experiment,
                                  const std::string& study) {
  ExperimentOptions options;
  const auto named = experiment.choice("name", kStudies);
  if (study.empty()) {
    options.study = named.value_or(options.study);
  } else {
    for (const auto& known : kStudies) {
      options.study = study == known.name ? known.value : options.study;
    }
    if (named && *named != options.study) {
      experiment.complain("name", fmt::format("the command line asks for \"{}\"", study));
    }
  }
  for (const StudyKey& known : kStudyKeys) {
    if (!known.is_used(options.study) && experiment.has(known.key)) {
      experiment.complain(known.key,
                          fmt::format("the study \"{}\" has no use for this key; remove it",
                                      name_of(kStudies, options.study)));
    }
  }
  const StudyNeeds needed = needs(options.study);
  if (needed.networks) {
    options.network = read_network(network, needed.training);
  }
  for (const TableReader& kernel : experiment.tables("kernels")) {
    options.kernels.push_back(read_kernel(kernel).architecture);
  }
  if (needed.kernels && !experiment.has("kernels")) {
    experiment.require("kernels");
  }
  options.points = experiment.integer("points", 2, kMostPoints).value_or(options.points);
  if (experiment.has("quantiles")) {
    options.quantiles = read_quantiles(experiment, 1);
  }
  options.component = experiment.integer("component", 1).value_or(options.component);
  options.amplitude = experiment.real("amplitude").value_or(options.amplitude);
  if (options.amplitude == 0.0) {
    experiment.reject("amplitude");
  }
  switch (options.study) {
    case Study::depth:
      options.depth = read_depth(experiment);
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
    default:
      break;
  }
  return options;
}

}  // namespace ntkflow::config
