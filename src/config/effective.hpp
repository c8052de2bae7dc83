#pragma once

#include <optional>
#include <string>

#include <ntkflow/config/run_config.hpp>

#include "read_tables.hpp"

namespace ntkflow::config {

/// The configuration in full: every option with the value in force, paths absolute, presets
/// resolved. Reading it again gives the same RunConfig. What is not set and has no value to write
/// ("all samples") is left out. Local.
/// @param grid  that the times of `run.dynamics` came from, if they are no list.
std::string effective_toml(const RunConfig& run, const std::optional<TimeGrid>& grid);

}  // namespace ntkflow::config
