#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

// The whole kernel of depth L as one function of the correlation rho of two samples in the first
// layer. It exists where all samples have the same norm, or where the activation is positively
// homogeneous and there is no bias: then kernel(x, y) = sqrt(q(x) q(y)) f(rho), q the variance at
// the last layer.
namespace ntkflow {

/// The variable in which f is a polynomial.
///   correlation  y = rho: activations without a kink
///   half_angle   y = 2 sqrt(1 - |rho|) - 1 on either side of rho = 0: a kink leaves powers of the
///                angle, and sqrt(1 - rho) = sqrt(2) sin(angle / 2)
enum class FusedVariable { correlation, half_angle };

/// f of one kernel at one depth in Chebyshev polynomials of y in [-1, 1].
template <class Real>
struct FusedFunction {
  std::vector<Real> near;  ///< for rho >= 0, or for all rho
  std::vector<Real> far;   ///< for rho < 0; empty with FusedVariable::correlation

  /// @param gap  1 - |rho|. Local.
  [[nodiscard]] Real evaluate(FusedVariable variable, Real rho, Real gap) const;
};

template <class Real>
struct FusedKernel {
  FusedVariable variable = FusedVariable::correlation;
  std::vector<FusedFunction<Real>> nngp;  ///< of depth 1, 2, ...
  std::vector<FusedFunction<Real>> ntk;
  Real slope = 1;  ///< rho = slope x.y / |x||y| + offset, with the bias in the offset
  Real offset = 0;
  double error = 0.0;  ///< largest met on a fine grid, relative to f(1) of the same function

  [[nodiscard]] std::size_t degree() const;
};

/// Both kernels of depths 1, 2, ... at correlation `sign` (1 - gap), each over its
/// sqrt(q(x) q(y)), written to `kernels`. Exact to rounding in long double where that is possible.
struct FusedTarget {
  int depth = 1;
  bool has_kink = false;  ///< known to have one, so that only the half angle is tried
  double noise = 0.0;     ///< of the values where rounding is not all of it
  double allowed = 0.0;   ///< error that is accepted where it is more than usual
  std::function<void(long double sign, long double gap, std::span<long double> nngp,
                     std::span<long double> ntk)>
      evaluate;
};

/// Interpolates in the variable that needs the lower degree, and checks the result, in Real, on a
/// grid twice as fine as the nodes. Nothing where no polynomial of degree 256 has an error below
/// 5e-14 (double) or 1e-6 (float), or what the target allows. Local.
template <class Real>
std::optional<FusedKernel<Real>> fit_fused(const FusedTarget& target);

}  // namespace ntkflow
