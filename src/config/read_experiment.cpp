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

NetworkOptions read_network(const TableReader& network) {
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
  if (network.present()) {
    for (const char* key : {"widths", "learning_rate", "steps"}) {
      if (!network.has(key)) {
        network.require(key);
      }
    }
  }
  return options;
}

}  // namespace

ExperimentOptions read_experiment(const TableReader& network, const TableReader& experiment,
                                  const std::string& study) {
  ExperimentOptions options;
  options.network = read_network(network);
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
  const auto refuse_unless = [&](bool is_used, const char* key) {
    if (!is_used && experiment.has(key)) {
      experiment.complain(key, fmt::format("the study \"{}\" has no use for this key; remove it",
                                           name_of(kStudies, options.study)));
    }
  };
  refuse_unless(draws_curves(options.study), "points");
  refuse_unless(options.study == Study::gaussian_limit, "quantiles");
  refuse_unless(options.study == Study::principal_components, "component");
  refuse_unless(options.study == Study::principal_components, "amplitude");
  options.points = experiment.integer("points", 2, kMostPoints).value_or(options.points);
  if (experiment.has("quantiles")) {
    options.quantiles = read_quantiles(experiment, 1);
  }
  options.component = experiment.integer("component", 1).value_or(options.component);
  options.amplitude = experiment.real("amplitude").value_or(options.amplitude);
  if (options.amplitude == 0.0) {
    experiment.reject("amplitude");
  }
  return options;
}

}  // namespace ntkflow::config
