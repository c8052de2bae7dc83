#include "plan.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

namespace ntkflow::app {

std::int64_t StageMemory::bytes() const {
  std::int64_t sum = 0;
  for (const Item& item : items) {
    sum += item.bytes;
  }
  return sum;
}

const StageMemory& Plan::peak_stage() const {
  return *std::max_element(stages.begin(), stages.end(),
                           [](const auto& a, const auto& b) { return a.bytes() < b.bytes(); });
}

std::int64_t Plan::peak_bytes() const {
  return peak_stage().bytes();
}

const PhaseWork& Plan::phase(const std::string& name) const {
  const auto found =
      std::find_if(work.begin(), work.end(), [&](const auto& w) { return w.phase == name; });
  NTKFLOW_EXPECTS(found != work.end(), name);
  return *found;
}

double Plan::seconds(const std::string& phase) const {
  const auto found =
      std::find_if(work.begin(), work.end(), [&](const auto& w) { return w.phase == phase; });
  return found == work.end() ? 0.0 : found->seconds;
}

double Plan::total_seconds() const {
  double total = 0.0;
  for (const PhaseWork& phase : work) {
    total += phase.seconds;
  }
  return total;
}

const Limit* Plan::broken_limit() const {
  const auto broken =
      std::find_if(limits.begin(), limits.end(), [](const auto& limit) { return !limit.holds(); });
  return broken == limits.end() ? nullptr : &*broken;
}

bool Plan::fits(std::int64_t bytes_per_rank) const {
  return broken_limit() == nullptr && peak_bytes() <= bytes_per_rank;
}

bool is_spectral(const RunConfig& config) {
  return config.dynamics && config.dynamics->method == FlowMethod::spectral;
}

bool uses_krylov(const RunConfig& config) {
  return config.dynamics && !is_spectral(config);
}

bool has_full_spectrum(const RunConfig& config) {
  return config.spectrum && config.spectrum->method == SpectrumMethod::full;
}

bool has_leading_spectrum(const RunConfig& config) {
  return config.spectrum && !has_full_spectrum(config);
}

bool keeps_kernel(const RunConfig& config) {
  return has_leading_spectrum(config) ||
         (uses_krylov(config) && config.dynamics->products == FlowProducts::stored);
}

bool has_spectral_path(const RunConfig& config) {
  return config.regression && config.regression->path &&
         config.regression->path->method == RidgePathMethod::spectral;
}

bool keeps_eigensystem(const RunConfig& config) {
  return has_spectral_path(config) &&
         (has_full_spectrum(config) || is_spectral(config) || posterior_shares_eigensystem(config));
}

bool has_spectral_posterior(const RunConfig& config) {
  return config.posterior &&
         std::any_of(config.posterior->times.begin(), config.posterior->times.end(),
                     [](double t) { return t > 0.0 && std::isfinite(t); });
}

bool posterior_follows_kernel(const RunConfig& config) {
  return has_spectral_posterior(config) && (config.posterior->training == TrainedLayers::all) ==
                                               (config.kernel.type == KernelType::ntk);
}

bool posterior_shares_eigensystem(const RunConfig& config) {
  return posterior_follows_kernel(config) &&
         (has_full_spectrum(config) || is_spectral(config) || has_spectral_path(config));
}

void check_counts(const RunConfig& config, const DataShape& shape) {
  if (!config.spectrum) {
    return;
  }
  std::string wrong;
  const auto check = [&](const char* key, std::int64_t value) {
    if (value > shape.train_size) {
      wrong += fmt::format("{}spectrum.{} = {}", wrong.empty() ? "" : " and ", key, value);
    }
  };
  check("count", config.spectrum->count.value_or(0));
  check("projections", config.spectrum->projections);
  if (!wrong.empty()) {
    throw ConfigError(fmt::format(
        "{}: a kernel matrix of {} training sample{} has no more than {} eigenpair{}; allowed: up "
        "to {}",
        wrong, shape.train_size, shape.train_size == 1 ? "" : "s", shape.train_size,
        shape.train_size == 1 ? "" : "s", shape.train_size));
  }
}

}  // namespace ntkflow::app
