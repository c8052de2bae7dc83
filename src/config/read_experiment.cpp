#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
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
constexpr std::size_t kMostListed = 1'000;
// Of boolean-cube and sphere. Beyond, Krawtchouk polynomials have more than 100 digits, and the
// sphere's rule has too few nodes.
constexpr std::int64_t kMostCubeDimensions = 256;
constexpr std::int64_t kMostSphereDimensions = 1'000;
constexpr std::int64_t kMostDepth = 1'024;
constexpr std::int64_t kMostCubeDegree = 256;
constexpr std::int64_t kMostSphereDegree = 128;
constexpr std::int64_t kMostSamples = std::int64_t{1} << 40;

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

/// A list at a key, ascending, of numbers inside (0, most).
std::vector<double> read_positive(const TableReader& experiment, const char* key,
                                  std::vector<double> fallback,
                                  double most = std::numeric_limits<double>::infinity()) {
  return experiment.has(key)
             ? read_ascending<double>(experiment, key, {1, kMostListed},
                                      [most](double value) { return value > 0.0 && value < most; })
             : std::move(fallback);
}

DescentOptions read_descent(const TableReader& experiment) {
  DescentOptions options;
  options.features = read_positive(experiment, "features", options.features);
  options.ridges = read_positive(experiment, "ridge", options.ridges);
  options.noise = experiment.real("noise", 0.0).value_or(options.noise);
  return options;
}

FiniteWidthOptions read_finite_width(const TableReader& experiment) {
  FiniteWidthOptions options;
  options.epsilons = read_positive(experiment, "epsilons", options.epsilons);
  options.confidence = experiment.real("confidence").value_or(options.confidence);
  if (!(options.confidence > 0.0 && options.confidence < 1.0)) {
    experiment.reject("confidence");
  }
  options.separations =
      read_positive(experiment, "separations", options.separations, std::numbers::pi);
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
  options.depth = experiment.integer("depth", 1, kMostDepth).value_or(options.depth);
  options.degree =
      experiment.integer("degree", is_cube ? 1 : 8, is_cube ? kMostCubeDegree : kMostSphereDegree)
          .value_or(options.degree);
  options.samples = experiment.integer("samples", 1, kMostSamples).value_or(options.samples);
  options.seed = static_cast<std::uint64_t>(experiment.integer("seed", 0).value_or(0));
  return options;
}

/// Keys that some studies alone have a use for.
struct StudyKey {
  const char* key;
  bool (*is_used)(Study);
};
constexpr StudyKey kStudyKeys[] = {
    {"kernels", [](Study study) { return needs(study).kernels; }},
    {"dimensions", is_zonal},
    {"depth", is_zonal},
    {"degree", is_zonal},
    {"samples", [](Study study) { return study == Study::sphere; }},
    {"seed", [](Study study) { return study == Study::sphere; }},
    {"points", draws_curves},
    {"quantiles", [](Study study) { return study == Study::gaussian_limit; }},
    {"component", [](Study study) { return study == Study::principal_components; }},
    {"amplitude", [](Study study) { return study == Study::principal_components; }},
    {"features", [](Study study) { return study == Study::descent; }},
    {"ridge", [](Study study) { return study == Study::descent; }},
    {"noise", [](Study study) { return study == Study::descent; }},
    {"epsilons", [](Study study) { return study == Study::finite_width_bound; }},
    {"confidence", [](Study study) { return study == Study::finite_width_bound; }},
    {"separations", [](Study study) { return study == Study::finite_width_bound; }},
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
  if (is_zonal(options.study)) {
    options.zonal = read_zonal(experiment, options.study);
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
  options.descent = read_descent(experiment);
  options.width_bound = read_finite_width(experiment);
  return options;
}

}  // namespace ntkflow::config
