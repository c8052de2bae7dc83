#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// Both kernels K(x, y) = Phi(x.y / d) of samples with |x|^2 = |y|^2 = d, for networks of depth 1
/// ... L, at given correlations t = x.y / d.
template <class Value>
struct ZonalKernels {
  std::vector<std::vector<Value>> nngp;  ///< [L][nodes]
  std::vector<std::vector<Value>> ntk;   ///< likewise
  /// Bounds of the largest absolute errors over the nodes, by depth.
  std::vector<double> nngp_error;
  std::vector<double> ntk_error;
};

/// Slow, in the precision of Value where the duals have closed forms; where they are integrated,
/// numerically or within their closed form, they have the digits of a double, and the errors say
/// so. Value is double or boost::multiprecision's cpp_bin_float of 100 digits without expression
/// templates. Local. Throws NumericalError where a variance or a bound is beyond doubles.
/// Ref: Jacot, Gabriel, Hongler (2018), section 4; numerics.md 1.
///
/// @param t  ascending, at least two, the last one is 1
/// @pre check_architecture(architecture) is empty, dimension >= 1.
template <class Value>
ZonalKernels<Value> zonal_kernels(const Architecture& architecture, std::int64_t dimension,
                                  const std::vector<Value>& t);

}  // namespace ntkflow
