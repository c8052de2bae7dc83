#pragma once

#include <cmath>
#include <functional>

#include <ntkflow/kernel/architecture.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "activation.hpp"

// Pairs of samples so nearly parallel that the rounding of their product would decide about half of
// the kernel's digits. With a kink in the activation the kernel has a term in the angle t between
// the samples, and a rounding error of eps in cos t moves a small t by eps / t. So these pairs
// carry the distance of the correlation from 1 or -1 through the layers in place of the
// correlation.
namespace ntkflow {

/// Covariance of a pair in one layer: variances, the sign of c, and gap = sqrt(q1 q2) - |c|.
struct NearLayer {
  double q1;
  double q2;
  double sign;
  double gap;

  [[nodiscard]] double c() const { return sign * (std::sqrt(q1 * q2) - gap); }
};

/// The first layer of two samples of the given |x| and |y|. Local.
NearLayer first_near_layer(const Architecture& architecture, double first_slope, double x_norm,
                           double y_norm, NearCorrelation correlation);

/// Calls visit(depth, kernels) for depth = 1, 2, ... up to `depth`. The activation has closed-form
/// duals. Local.
void for_each_near_depth(const Architecture& architecture, const PreparedActivation& activation,
                         int depth, NearLayer first,
                         const std::function<void(int, KernelPair)>& visit);

}  // namespace ntkflow
