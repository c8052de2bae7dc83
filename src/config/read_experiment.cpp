#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "read_ascending.hpp"
#include "read_studies.hpp"
#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

constexpr std::int64_t kMostUnits = std::int64_t{1} << 24;
constexpr std::int64_t kMostDraws = 1'000'000;
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
  refuse_foreign_keys(experiment, options.study);
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
  read_study(experiment, options);
  return options;
}

}  // namespace ntkflow::config
