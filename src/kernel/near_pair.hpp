#pragma once

#include <ntkflow/kernel/architecture.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "activation.hpp"

// Pairs of samples so nearly parallel that the rounding of their product would decide about half of
// the kernel's digits. With a kink in the activation the kernel has a term in the angle t between
// the samples, and a rounding error of eps in cos t moves a small t by eps / t. So these pairs
// carry the distance of the correlation from 1 or -1 through the layers in place of the
// correlation.
namespace ntkflow {

/// Both kernels of `depth` layers for two samples of the given |x| and |y|. The activation has
/// closed-form duals. Local.
KernelPair near_kernels(const Architecture& architecture, const PreparedActivation& activation,
                        double first_slope, int depth, double x_norm, double y_norm,
                        NearCorrelation correlation);

}  // namespace ntkflow
