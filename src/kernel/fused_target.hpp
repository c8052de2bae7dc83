#pragma once

#include <ntkflow/kernel/architecture.hpp>

#include "activation.hpp"
#include "fused.hpp"

namespace ntkflow {

/// The kernels of every depth up to the architecture's, as functions of the correlation in the
/// first layer, where all samples have this variance. Local.
FusedTarget fused_target(const Architecture& architecture, const PreparedActivation& activation,
                         double variance);

}  // namespace ntkflow
