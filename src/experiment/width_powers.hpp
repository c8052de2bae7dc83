#pragma once

#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// Powers of the width n with which networks in the NTK parametrisation approach their limit.
struct WidthPowers {
  double kernel_deviation = -0.5;  ///< of the empirical kernel at the start: a mean over units
  double kernel_drift = -1.0;      ///< in training
  double function_gap = -0.5;      ///< of the trained function from that of the limiting kernel
  double jacobian_change = -0.5;   ///< relative, in training
};

/// For a smooth activation as in WidthPowers: Dyer, Gur-Ari (2020), section 3 (drift), Lee et al.
/// (2019), theorem 2.1 (Jacobian). Where sigma' jumps, other units decide: training moves
/// pre-activations by O(n^(-1/2)), so that a part n^(-1/2) of the units crosses a kink, each of
/// which changes its derivative by O(1). The Jacobian then changes by n^(-1/4), and the kernel, to
/// which n^(1/2) units add n^(-1) each with both signs, by n^(-3/4). Local.
WidthPowers width_powers(const ActivationSpec& activation);

}  // namespace ntkflow
