#pragma once

#include <string>

#include "choose.hpp"
#include "memory.hpp"

// What a machine is large enough for: each search plans the same configuration for other sizes.
namespace ntkflow::app {

/// The smallest number of ranks, with automatic grids and blocks, that fits with `target`'s memory
/// on each, above 64 to 2 %; 0 when none up to 2^20 does. Local.
int smallest_fitting_ranks(const RunConfig& config, const DataShape& shape, const Target& target);

/// The most training samples that fit `target`, the test set being as it is; 0 when not one does.
/// Local.
std::int64_t largest_fitting_size(const RunConfig& config, const DataShape& shape,
                                  const Target& target);

/// Why the choice does not fit and what would, as one sentence; empty when it fits. Local.
/// @param config  as the user gave it.  @param memory  of the ranks, the least being target's.
std::string obstacle(const Choice& choice, const RunConfig& config, const Target& target,
                     const AvailableMemory& memory);

}  // namespace ntkflow::app
