#pragma once

#include <optional>
#include <string>

#include <ntkflow/config/run_config.hpp>

#include "read_tables.hpp"

namespace ntkflow::config {

/// What ridges and times came from, where they are no list.
struct TimeGrids {
  std::optional<TimeGrid> ridge;
  std::optional<TimeGrid> dynamics;
  std::optional<TimeGrid> posterior;
  std::optional<TimeGrid> spectrum;
  std::optional<TimeGrid> spectrum_ridges;
};

/// The configuration in full: every option with the value in force, paths absolute, presets
/// resolved. Reading it again gives the same RunConfig. What is not set and has no value to write
/// ("all samples") is left out. Local.
std::string effective_toml(const RunConfig& run, const TimeGrids& grids);

}  // namespace ntkflow::config
