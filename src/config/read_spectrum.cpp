#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "read_ascending.hpp"
#include "read_tables.hpp"

namespace ntkflow::config {

namespace {

constexpr double kLargestTolerance = 1e-2;
constexpr std::int64_t kMostCurves = 100'000;
constexpr std::size_t kMostLosses = 1'000;

/// Those that the options ask for together and cannot have.
void check_pairs(const TableReader& spectrum, const SpectrumOptions& options) {
  const bool is_partial =
      options.method == SpectrumMethod::lanczos || options.method == SpectrumMethod::power;
  if (!options.count && is_partial) {
    spectrum.complain(
        "method", fmt::format("\"{}\" finds leading eigenpairs, and count asks for all of them; "
                              "allowed: \"full\" or \"auto\", or an integer at count",
                              name_of(kSpectrumMethods, options.method)));
  }
  if (options.count && options.projections > *options.count) {
    spectrum.complain("projections",
                      fmt::format("{} components need as many eigenpairs, and count = {}; raise "
                                  "count or ask for fewer components",
                                  options.projections, *options.count));
  }
}

/// Those that would be read and have no effect.
void check_effects(const TableReader& spectrum, const SpectrumOptions& options) {
  if (options.projections == 0 && options.centre) {
    spectrum.complain("centre",
                      "kernel PCA takes place where projections are asked for; allowed with "
                      "projections = 1 or more");
  }
  for (const char* key : {"tolerance", "seed"}) {
    if (spectrum.has(key) && !may_iterate(options)) {
      spectrum.complain(key,
                        "the full eigensolve is not iterative; allowed with method = \"auto\", "
                        "\"lanczos\" or \"power\", or with projections and centre = true");
    }
  }
  if (spectrum.has("modes") && options.count && options.modes > *options.count) {
    spectrum.complain("modes", fmt::format("{} learning curves need as many eigenpairs, and count "
                                           "= {}; raise count or ask for fewer curves",
                                           options.modes, *options.count));
  }
}

}  // namespace

bool may_iterate(const SpectrumOptions& options) {
  return options.method != SpectrumMethod::full || (options.projections > 0 && options.centre);
}

SpectrumTable read_spectrum(const TableReader& spectrum) {
  SpectrumTable read;
  SpectrumOptions& options = read.options;
  const toml::node* count = spectrum.find("count");
  const bool wants_all = count == nullptr || count->value_exact<std::string>() == "all";
  if (!wants_all) {
    options.count = spectrum.integer("count", 1);
  }
  options.vectors = spectrum.boolean("vectors").value_or(options.vectors);
  const auto method = spectrum.choice("method", kSpectrumMethods);
  options.method = method.value_or(options.method);
  options.tolerance = spectrum.real("tolerance", kSmallestTolerance).value_or(options.tolerance);
  if (options.tolerance > kLargestTolerance) {
    spectrum.reject("tolerance");
  }
  options.seed = static_cast<std::uint64_t>(spectrum.integer("seed", 0).value_or(0));
  if (spectrum.has("effective_dimension")) {
    Times ridges = read_positive(spectrum, "effective_dimension");
    options.ridges = std::move(ridges.values);
    read.ridge_grid = ridges.grid;
  }
  Times times = spectrum.has("times") ? read_times(spectrum, "times", Infinity::refused)
                                      : all_times(kStandardTimes);
  options.times = std::move(times.values);
  read.grid = times.grid;
  options.modes = spectrum.integer("modes", 0, kMostCurves)
                      .value_or(std::min(options.modes, options.count.value_or(options.modes)));
  if (spectrum.has("loss")) {
    options.losses = read_ascending<double>(spectrum, "loss", {0, kMostLosses}, [](double loss) {
      return std::isfinite(loss) && loss > 0.0;
    });
  }
  if (const auto rate = spectrum.real("learning_rate")) {
    options.learning_rate = *rate;
    if (!(*rate > 0.0 && *rate < 2.0)) {
      spectrum.complain(
          "learning_rate",
          fmt::format("{} / lambda_max: gradient descent diverges from 2 / lambda_max "
                      "on and stands still at 0; allowed: a finite number > 0 and < 2",
                      *rate));
    } else if (!spectrum.has("loss")) {
      spectrum.complain("learning_rate",
                        "it is that of the steps to a training loss; allowed with loss, a list");
    }
  }
  options.projections = spectrum.integer("projections", 0).value_or(options.projections);
  options.centre = spectrum.boolean("centre").value_or(options.centre);
  if (wants_all || options.count) {
    check_pairs(spectrum, options);
    check_effects(spectrum, options);
  }
  return read;
}

}  // namespace ntkflow::config
