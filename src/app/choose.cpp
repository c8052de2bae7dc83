#include "choose.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "report.hpp"

namespace ntkflow::app {
namespace {

/// Mixed precision must be faster by this factor to be taken where double precision fits: it takes
/// a refinement that can stall.
constexpr double kMixedAdvantage = 1.25;

struct Candidate {
  RunConfig config;
  Plan plan;
  bool fits = false;

  [[nodiscard]] bool is_mixed() const {
    return config.regression && config.regression->precision == Precision::mixed;
  }
  /// Predicted time, in the currency in which candidates compete.
  [[nodiscard]] double cost() const {
    return plan.total_seconds() * (is_mixed() ? kMixedAdvantage : 1.0);
  }
};

/// The better of two: what fits before what does not, then the cheaper, and where neither fits the
/// smaller.
bool is_better(const Candidate& a, const Candidate& b) {
  if (a.fits != b.fits) {
    return a.fits;
  }
  return a.fits ? a.cost() < b.cost() : a.plan.peak_bytes() < b.plan.peak_bytes();
}

const Candidate& best_of(const std::vector<const Candidate*>& candidates) {
  return **std::min_element(candidates.begin(), candidates.end(),
                            [](const auto* a, const auto* b) { return is_better(*a, *b); });
}

/// Why the better of two candidates is, as a clause.
std::string comparison(const Candidate& chosen, const Candidate& other,
                       const std::string& other_name, const Target& target) {
  if (chosen.fits && !other.fits) {
    if (const Limit* broken = other.plan.broken_limit()) {
      return fmt::format("{} exceeds a 32-bit limit ({}: {} of {})", other_name, broken->name,
                         broken->value, broken->bound);
    }
    return fmt::format("{} needs {} per rank, and {} is available", other_name,
                       format_bytes(static_cast<double>(other.plan.peak_bytes())),
                       format_bytes(static_cast<double>(target.bytes_per_rank)));
  }
  if (!chosen.fits) {
    return fmt::format("nothing fits, and {} needs more memory per rank: {} against {}", other_name,
                       format_bytes(static_cast<double>(other.plan.peak_bytes())),
                       format_bytes(static_cast<double>(chosen.plan.peak_bytes())));
  }
  return fmt::format("it is predicted to take {}, and {} {}",
                     format_seconds(chosen.plan.total_seconds()), other_name,
                     format_seconds(other.plan.total_seconds()));
}

/// Leading eigenpairs are few when there are as many times more of all.
constexpr std::int64_t kFewPairs = 10;

struct SpectrumChoice {
  SpectrumMethod method = SpectrumMethod::full;
  std::string reason;
};

/// How the eigenpairs of [spectrum] are found where that is automatic, in a configuration that has
/// a method for [dynamics], and perhaps one for the ridge path.
SpectrumChoice choose_spectrum(const RunConfig& config, const DataShape& shape) {
  if (!config.spectrum->count) {
    return {SpectrumMethod::full, "all eigenvalues are asked for"};
  }
  if (is_spectral(config)) {
    return {SpectrumMethod::full, "the eigenvectors are computed for [dynamics] anyway"};
  }
  if (posterior_follows_kernel(config)) {
    return {SpectrumMethod::full, "the eigenvectors are computed for [posterior] anyway"};
  }
  if (has_spectral_path(config)) {
    return {SpectrumMethod::full, "the eigenvectors are computed for the ridges anyway"};
  }
  const std::int64_t count = *config.spectrum->count;
  return count > shape.train_size / kFewPairs
             ? SpectrumChoice{SpectrumMethod::full, fmt::format("{} of {} eigenpairs are not few",
                                                                count, shape.train_size)}
             : SpectrumChoice{SpectrumMethod::lanczos,
                              fmt::format("{} of {} eigenpairs are few", count, shape.train_size)};
}

/// Settles method and criterion of the ridge path, and says why where there was a choice. Other
/// methods that are still automatic have no part in it.
std::string settle_path(RunConfig& config, std::int64_t train_size) {
  if (!config.regression || !config.regression->path) {
    return "";
  }
  RidgePathOptions& path = *config.regression->path;
  std::string reason;
  if (path.method == RidgePathMethod::automatic) {
    path.method = RidgePathMethod::spectral;
    if (path.select == RidgeCriterion::leave_one_out) {
      reason = "leave-one-out errors need the eigenvectors";
    } else if (keeps_eigensystem(config)) {
      reason = "another stage has a use for the eigenvectors";
    } else if (train_size <= kCheapEigensystem) {
      reason = fmt::format("the eigenvectors of up to {} samples are cheap", kCheapEigensystem);
    } else {
      path.method = RidgePathMethod::krylov;
      reason =
          fmt::format("the eigenvectors of more than {} samples are not cheap", kCheapEigensystem);
    }
  }
  if (!path.select) {
    path.select = path.method == RidgePathMethod::spectral ? RidgeCriterion::leave_one_out
                                                           : RidgeCriterion::gcv;
  }
  return reason;
}

/// A configuration that has a precision and a method for [dynamics], with the methods that follow
/// from these.
struct Settled {
  RunConfig config;
  std::string path_reason;
  std::string spectrum_reason;
};

Settled settle(RunConfig config, const DataShape& shape) {
  Settled settled{std::move(config), "", ""};
  RunConfig& now = settled.config;
  const bool choose_pairs = now.spectrum && now.spectrum->method == SpectrumMethod::automatic;
  const auto settle_spectrum = [&] {
    const SpectrumChoice choice = choose_spectrum(now, shape);
    now.spectrum->method = choice.method;
    settled.spectrum_reason = choice.reason;
  };
  if (choose_pairs) {
    settle_spectrum();  // all eigenvectors, once there, serve the ridges as well
  }
  settled.path_reason = settle_path(now, shape.train_size);
  if (choose_pairs && has_leading_spectrum(now)) {
    settle_spectrum();  // and the other way round
  }
  return settled;
}

}  // namespace

Choice choose(const RunConfig& config, const DataShape& shape, const Target& target) {
  const bool choose_precision =
      config.regression && config.regression->precision == Precision::automatic;
  const bool choose_method = config.dynamics && config.dynamics->method == FlowMethod::automatic;
  // Regenerated products are the Krylov method's.
  const bool only_krylov = choose_method && config.dynamics->products == FlowProducts::regenerated;
  const bool only_spectral = [&] {
    RunConfig krylov = config;
    if (choose_method) {
      krylov.dynamics->method = FlowMethod::krylov;
    }
    const RunConfig settled = settle(std::move(krylov), shape).config;
    return choose_method && !only_krylov &&
           (has_full_spectrum(settled) || has_spectral_path(settled));
  }();

  std::vector<Candidate> candidates;
  for (const Precision precision : {Precision::double_precision, Precision::mixed}) {
    for (const FlowMethod method : {FlowMethod::spectral, FlowMethod::krylov}) {
      Candidate candidate{config, {}, false};
      if (choose_precision) {
        candidate.config.regression->precision = precision;
      } else if (precision == Precision::mixed) {
        continue;
      }
      if (choose_method) {
        candidate.config.dynamics->method = method;
      } else if (method == FlowMethod::krylov) {
        continue;
      }
      if ((only_spectral && method == FlowMethod::krylov) ||
          (only_krylov && method == FlowMethod::spectral)) {
        continue;
      }
      candidate.config = settle(std::move(candidate.config), shape).config;
      candidate.plan =
          make_plan(candidate.config, shape, target.ranks, target.command, target.rates);
      candidate.fits = candidate.plan.fits(target.bytes_per_rank);
      candidates.push_back(std::move(candidate));
    }
  }

  const auto best_where = [&](auto&& holds) {
    std::vector<const Candidate*> subset;
    for (const Candidate& candidate : candidates) {
      if (holds(candidate)) {
        subset.push_back(&candidate);
      }
    }
    return &best_of(subset);
  };
  const Candidate& best = *best_where([](const Candidate&) { return true; });
  Choice choice{best.config, best.plan, {}};
  {
    RunConfig unsettled = config;
    unsettled.dynamics = best.config.dynamics;
    const Settled settled = settle(std::move(unsettled), shape);
    choice.reasons.path = settled.path_reason;
    choice.reasons.spectrum = settled.spectrum_reason;
  }
  if (choose_precision) {
    const Candidate& other =
        *best_where([&](const Candidate& c) { return c.is_mixed() != best.is_mixed(); });
    choice.reasons.precision =
        comparison(best, other, best.is_mixed() ? "double precision" : "mixed precision", target);
    if (best.fits && other.fits && !best.is_mixed() &&
        other.plan.total_seconds() < best.plan.total_seconds()) {
      choice.reasons.precision += ", which is not worth a refinement that may stall";
    }
  }
  const bool has_rounded_products = best.is_mixed() && config.dynamics &&
                                    !is_spectral(best.config) &&
                                    config.dynamics->products == FlowProducts::stored;
  if (choose_precision && has_rounded_products) {
    choice.reasons.precision += "; f_t then keeps about six digits";
  }
  if (only_spectral) {
    choice.reasons.method = has_full_spectrum(best.config)
                                ? "the eigenvectors are computed for [spectrum] anyway"
                                : "the eigenvectors are computed for the ridges anyway";
  } else if (only_krylov) {
    choice.reasons.method = "regenerated products belong to the Krylov method";
  } else if (choose_method) {
    const bool spectral = is_spectral(best.config);
    const Candidate& other =
        *best_where([&](const Candidate& c) { return is_spectral(c.config) != spectral; });
    choice.reasons.method =
        comparison(best, other, spectral ? "the Krylov method" : "the spectral method", target);
  }
  return choice;
}

std::string precision_name(const RunConfig& config) {
  if (!config.regression) {
    return "-";
  }
  switch (config.regression->precision) {
    case Precision::double_precision:
      return "double";
    case Precision::mixed:
      return "mixed";
    case Precision::single_precision:
      return "single";
    case Precision::automatic:
      break;
  }
  return "auto";
}

std::string method_name(const RunConfig& config) {
  if (!config.dynamics) {
    return "-";
  }
  switch (config.dynamics->method) {
    case FlowMethod::spectral:
      return "spectral";
    case FlowMethod::krylov:
      return "krylov";
    case FlowMethod::automatic:
      break;
  }
  return "auto";
}

std::string spectrum_method_name(const RunConfig& config) {
  if (!config.spectrum) {
    return "-";
  }
  switch (config.spectrum->method) {
    case SpectrumMethod::full:
      return "full";
    case SpectrumMethod::lanczos:
      return "lanczos";
    case SpectrumMethod::power:
      return "power";
    case SpectrumMethod::automatic:
      break;
  }
  return "auto";
}

std::string path_method_name(const RunConfig& config) {
  if (!config.regression || !config.regression->path) {
    return "-";
  }
  return has_spectral_path(config) ? "spectral" : "krylov";
}

std::string format_seconds(double seconds) {
  constexpr double kMinute = 60.0;
  constexpr double kHour = 3600.0;
  constexpr double kDay = 86400.0;
  if (seconds < 2.0 * kMinute) {
    return fmt::format("{:.1f} s", seconds);
  }
  if (seconds < 2.0 * kHour) {
    return fmt::format("{:.1f} min", seconds / kMinute);
  }
  return seconds < 2.0 * kDay ? fmt::format("{:.1f} h", seconds / kHour)
                              : fmt::format("{:.1f} days", seconds / kDay);
}

}  // namespace ntkflow::app
