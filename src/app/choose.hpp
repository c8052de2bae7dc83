#pragma once

#include <cstdint>
#include <string>

#include <ntkflow/config/run_config.hpp>

#include "plan.hpp"

namespace ntkflow::app {

/// What a configuration is to be run on.
struct Target {
  int ranks = 1;
  std::int64_t bytes_per_rank = 0;  ///< available
  PlannedCommand command = PlannedCommand::run;
  Calibration rates;
};

/// Up to so many samples the eigensystem for a ridge path is cheap: a minute on one core.
inline constexpr std::int64_t kCheapEigensystem = 4'000;

/// Why automatic choices are what they are, one sentence each; empty where the user chose.
struct ChoiceReasons {
  std::string precision;
  std::string method;
  std::string spectrum;
  std::string path;  ///< of the ridge path's method
};

/// A configuration without "auto" in precision or methods, a ridge path with its criterion, and its
/// plan.
struct Choice {
  RunConfig config;
  Plan plan;
  ChoiceReasons reasons;
};

/// Chooses precision and methods where they are "auto": among the choices that fit, the one of
/// least predicted time, double precision unless mixed is much faster. Where the eigenvectors are
/// computed for [spectrum] anyway, the method of [dynamics] is spectral; leading eigenpairs come
/// from products where they are few and no stage computes all. Where nothing fits, the choice of
/// least memory. Local. Throws as make_plan.
Choice choose(const RunConfig& config, const DataShape& shape, const Target& target);

/// "double", "mixed" or "single"; "-" without [regression].
std::string precision_name(const RunConfig& config);
/// "spectral" or "krylov"; "-" without [dynamics].
std::string method_name(const RunConfig& config);
/// "full", "lanczos" or "power"; "-" without [spectrum].
std::string spectrum_method_name(const RunConfig& config);

/// "spectral" or "krylov"; "-" without a ridge path.
std::string path_method_name(const RunConfig& config);

/// "1.5 h", "12 min", "3.4 s".
std::string format_seconds(double seconds);

}  // namespace ntkflow::app
