#pragma once

#include <string>
#include <vector>

#include "choose.hpp"

// What `ntkflow plan` prints. All Local.
namespace ntkflow::app {

/// The rates that times are predicted from.
std::string describe(const Calibration& rates);

/// Sizes, choices, memory by stage, work by phase and 32-bit limits.
std::string describe(const Choice& choice, const Target& target);

/// Memory and time for 1, 2, 4, ... 4096 ranks, with automatic grids and blocks and as much memory
/// on each as `target` has.
std::string rank_table(const RunConfig& config, const DataShape& shape, const Target& target);

/// The automatic choices and their reasons, a line each; empty where the user chose.
std::vector<std::string> describe(const ChoiceReasons& reasons, const RunConfig& config);

}  // namespace ntkflow::app
