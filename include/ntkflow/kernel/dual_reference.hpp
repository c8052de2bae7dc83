#pragma once

#include <cstdint>

#include <ntkflow/kernel/architecture.hpp>

// The slow, obvious form of the kernels, one pair at a time in double precision, against which the
// fast tiles are tested.
namespace ntkflow::reference {

/// F = E[s(u) s(v)] and G = E[s'(u) s'(v)] for (u, v) ~ N(0, [[q1, c], [c, q2]]).
struct DualPair {
  double f = 0.0;
  double g = 0.0;
};

/// The activation's duals by the formula of its source. Local. `spec` must be valid.
DualPair duals(const ActivationSpec& spec, double q1, double q2, double c);

/// What the kernels of a pair (x, y) of samples depend on.
struct InnerProducts {
  double xx = 0.0;
  double yy = 0.0;
  double xy = 0.0;
};

/// Both kernels by the recursion over layers. Local. Ref: Jacot, Gabriel, Hongler (2018),
/// section 4.
/// @pre check_architecture(architecture) is empty, dimension >= 1.
KernelPair kernels(const Architecture& architecture, std::int64_t dimension,
                   const InnerProducts& products);

/// The Neural Tangent Kernel as the unrolled sum over layers h of Sigma^(h) times the product of
/// the derivative covariances of all later layers. Local. Ref: Arora et al. (2019).
double unrolled_ntk(const Architecture& architecture, std::int64_t dimension,
                    const InnerProducts& products);

}  // namespace ntkflow::reference
