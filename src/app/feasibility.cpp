#include "feasibility.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <vector>

#include <fmt/format.h>

#include "report.hpp"

namespace ntkflow::app {
namespace {

std::string bytes_text(std::int64_t bytes) {
  return format_bytes(static_cast<double>(bytes));
}

bool fits(const RunConfig& config, const DataShape& shape, const Target& target) {
  return choose(config, shape, target).plan.fits(target.bytes_per_rank);
}

/// The settings, of those that the user did not choose for a reason of accuracy alone, that would
/// make the configuration fit the same ranks; empty when none would.
std::string fitting_settings(const RunConfig& config, const DataShape& shape,
                             const Target& target) {
  struct Setting {
    bool is_open;  ///< whether it would change anything
    const char* text;
    void (*apply)(RunConfig&);
  };
  const Setting settings[] = {
      {config.regression && config.regression->precision == Precision::double_precision,
       "regression.precision = \"mixed\"",
       [](RunConfig& other) { other.regression->precision = Precision::mixed; }},
      {is_spectral(config), "dynamics.method = \"krylov\"",
       [](RunConfig& other) { other.dynamics->method = FlowMethod::krylov; }},
      {has_full_spectrum(config) && config.spectrum->count, "spectrum.method = \"lanczos\"",
       [](RunConfig& other) { other.spectrum->method = SpectrumMethod::lanczos; }},
      {config.regression && config.regression->path &&
           config.regression->path->method != RidgePathMethod::krylov &&
           config.regression->path->select != RidgeCriterion::leave_one_out,
       "regression.path_method = \"krylov\"",
       [](RunConfig& other) { other.regression->path->method = RidgePathMethod::krylov; }},
      {config.regression && config.regression->path &&
           config.regression->path->select == RidgeCriterion::leave_one_out,
       "regression.select = \"gcv\" with regression.path_method = \"krylov\"",
       [](RunConfig& other) {
         other.regression->path->select = RidgeCriterion::gcv;
         other.regression->path->method = RidgePathMethod::krylov;
       }},
      {config.posterior && config.posterior->covariance, "posterior.covariance = false",
       [](RunConfig& other) { other.posterior->covariance = false; }},
      {config.posterior && config.posterior->samples > 0, "posterior.samples = 0",
       [](RunConfig& other) { other.posterior->samples = 0; }},
      {has_spectral_posterior(config), "posterior.times = \"infinity\"",
       [](RunConfig& other) {
         other.posterior->times = {std::numeric_limits<double>::infinity()};
       }},
      {config.random_functions.has_value(), "no [random_functions]",
       [](RunConfig& other) { other.random_functions.reset(); }},
  };
  constexpr unsigned kSubsets = 1U << std::size(settings);
  // In binary order a subset comes before all that hold a later setting; the later ones give up
  // more of the result.
  for (unsigned subset = 1; subset < kSubsets; ++subset) {
    RunConfig other = config;
    std::vector<std::string> texts;
    bool is_open = true;
    for (std::size_t i = 0; i < std::size(settings); ++i) {
      if ((subset >> i & 1U) != 0) {
        is_open = is_open && settings[i].is_open;
        texts.emplace_back(settings[i].text);
      }
    }
    if (!is_open) {
      continue;
    }
    for (std::size_t i = 0; i < std::size(settings); ++i) {
      if ((subset >> i & 1U) != 0) {
        settings[i].apply(other);
      }
    }
    if (fits(other, shape, target)) {
      return fmt::format("{}", fmt::join(texts, " with "));
    }
  }
  return "";
}

/// The largest number, from 0 to below `most`, that fits, given that all below it do. @param
/// fits_with  called with a number
template <class FitsWith>
std::int64_t largest_fitting(std::int64_t most, const FitsWith& fits_with) {
  std::int64_t fitting = 0;
  std::int64_t failing = most;
  while (failing - fitting > 1) {
    const std::int64_t middle = fitting + (failing - fitting) / 2;
    (fits_with(middle) ? fitting : failing) = middle;
  }
  return fitting;
}

/// Sizes of [random_functions] that fit with all else as it is.
std::vector<std::string> fitting_functions(const RunConfig& config, const DataShape& shape,
                                           const Target& target) {
  std::vector<std::string> texts;
  if (!config.random_functions) {
    return texts;
  }
  const auto try_key = [&](const char* text, std::int64_t most, auto&& set) {
    const std::int64_t largest = largest_fitting(most, [&](std::int64_t value) {
      RunConfig other = config;
      set(*other.random_functions, value);
      return fits(other, shape, target);
    });
    if (largest > 0) {
      texts.push_back(fmt::format("{} {} or less", text, largest));
    }
  };
  try_key("random_functions.counts of", config.random_functions->counts.back(),
          [](RandomFunctionsOptions& options, std::int64_t value) { options.counts = {value}; });
  if (config.random_functions->source == FunctionSource::network) {
    try_key("random_functions.width =", config.random_functions->width,
            [](RandomFunctionsOptions& options, std::int64_t value) { options.width = value; });
  }
  return texts;
}

std::string memory_reason(const Plan& plan, const Target& target, const AvailableMemory& memory) {
  const StageMemory& stage = plan.peak_stage();
  std::string reason = fmt::format("stage '{}' needs {} of memory on each of {} ranks, and ",
                                   stage.stage, bytes_text(stage.bytes()), plan.ranks);
  return reason + (memory.differs()
                       ? fmt::format("rank {} has {} available (others up to {})", memory.rank,
                                     bytes_text(memory.bytes), bytes_text(memory.largest))
                       : fmt::format("{} is available to each", bytes_text(target.bytes_per_rank)));
}

}  // namespace

int smallest_fitting_ranks(const RunConfig& config, const DataShape& shape, const Target& target) {
  RunConfig automatic = config;
  automatic.parallel.grid.reset();
  automatic.parallel.block_size.reset();
  constexpr int kMost = 1 << 20;
  Target other = target;
  for (other.ranks = 1; other.ranks <= kMost;
       other.ranks += other.ranks < 64 ? 1 : other.ranks / 64) {  // beyond 64, to 2 %
    if (fits(automatic, shape, other)) {
      return other.ranks;
    }
  }
  return 0;
}

std::int64_t largest_fitting_size(const RunConfig& config, const DataShape& shape,
                                  const Target& target) {
  const auto fits_with = [&](std::int64_t size) {
    DataShape other = shape;
    other.train_size = size;
    return fits(config, other, target);
  };
  constexpr std::int64_t kMost = std::int64_t{1} << 28;
  return largest_fitting(kMost, fits_with);
}

std::string obstacle(const Choice& choice, const RunConfig& config, const Target& target,
                     const AvailableMemory& memory) {
  const Plan& plan = choice.plan;
  if (plan.fits(target.bytes_per_rank)) {
    return "";
  }
  std::string reason;
  if (const Limit* broken = plan.broken_limit()) {
    reason = fmt::format("{}: {} on one rank, more than the {} that 32-bit integers allow",
                         broken->name, broken->value, broken->bound);
  } else {
    reason = memory_reason(plan, target, memory);
  }
  std::vector<std::string> remedies;
  if (const auto settings = fitting_settings(config, plan.shape, target); !settings.empty()) {
    remedies.push_back(settings);
  }
  for (const std::string& text : fitting_functions(config, plan.shape, target)) {
    remedies.push_back(text);
  }
  if (const auto size = largest_fitting_size(config, plan.shape, target); size > 0) {
    remedies.push_back(fmt::format("data.train_size = {} or less", size));
  }
  const int ranks = smallest_fitting_ranks(config, plan.shape, target);
  reason += ranks > 0 ? fmt::format(
                            "; the smallest number of ranks that fits, on an automatic grid with "
                            "{} each, is {}",
                            bytes_text(target.bytes_per_rank), ranks)
                      : "; no number of ranks with this memory each fits";
  if (!remedies.empty()) {
    reason += fmt::format("; on {} rank{} fits: {}", plan.ranks, plan.ranks == 1 ? "" : "s",
                          fmt::join(remedies, ", or "));
  }
  if (is_whole_cube(config.data)) {
    reason += fmt::format("; the spectrum on all corners is found exactly by {}", kExactCubeRoute);
  }
  return reason;
}

}  // namespace ntkflow::app
