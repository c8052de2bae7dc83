#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/kernel/architecture.hpp>

#include "extended.hpp"

// Eigenvalues, by degree, of kernels K(x, y) = Phi(x.y / d) under the uniform probability measure
// on the boolean cube and on the sphere of radius sqrt(d). All members are Local.
namespace ntkflow {

/// Eigenvalues 0 ... degree as weighted means of the d+1 kernel values on the cube {-1, 1}^d.
/// Ref: Yang, Salman (2019), section 3.
class CubeTransform {
 public:
  /// @pre 1 <= degree <= dimension <= kLargestDimension
  CubeTransform(std::int64_t dimension, std::int64_t degree);
  /// Beyond, Krawtchouk polynomials would not be whole numbers of 100 digits any more.
  static constexpr std::int64_t kLargestDimension = 256;
  /// The largest degree that there is in this dimension, at most the one wanted.
  [[nodiscard]] static std::int64_t largest_degree(std::int64_t dimension, std::int64_t wanted) {
    return std::min(dimension, wanted);
  }

  /// Where the kernel is evaluated: 1 - 2 r / d, ascending, d+1 of them.
  [[nodiscard]] const std::vector<Extended>& nodes() const { return nodes_; }
  /// mu_k from Phi at the nodes.
  [[nodiscard]] std::vector<Extended> eigenvalues(const std::vector<Extended>& values) const;
  /// What the rule itself adds to their errors: it is a finite sum.
  [[nodiscard]] static std::vector<double> rule_errors(const std::vector<Extended>& /*values*/) {
    return {};
  }
  /// binom(d, k), exact up to 2^53.
  [[nodiscard]] double multiplicity(std::int64_t degree) const;

 private:
  std::int64_t dimension_;
  std::vector<Extended> nodes_;
  std::vector<std::vector<Extended>> weights_;  // [degree][node]
};

/// Eigenvalues 0 ... degree on the sphere S^{d-1} by the formula of Funk and Hecke: lambda_k is the
/// mean of Phi(t) P_k(t), P_k Gegenbauer's polynomial with P_k(1) = 1, over the inner product t of
/// two uniform points. In the angle, t = cos u, kernels of activations with kinks are smooth up to
/// both ends, so that the rule of Clenshaw and Curtis (1960) over [0, pi] converges geometrically;
/// its error is told from every second node. Ref: Bach (2017), appendix D.
class SphereTransform {
 public:
  /// @param intervals  of the rule, even
  /// @pre dimension >= 2, degree >= 1
  SphereTransform(std::int64_t dimension, std::int64_t degree, std::int64_t intervals = kIntervals);
  static constexpr std::int64_t kIntervals = 512;
  /// The sphere has all degrees.
  [[nodiscard]] static std::int64_t largest_degree(std::int64_t /*dimension*/,
                                                   std::int64_t wanted) {
    return wanted;
  }

  /// cos u, ascending; the last is 1.
  [[nodiscard]] const std::vector<Extended>& nodes() const { return nodes_; }
  [[nodiscard]] std::vector<Extended> eigenvalues(const std::vector<Extended>& values) const;
  /// |difference| from the rule with half of the intervals.
  [[nodiscard]] std::vector<double> rule_errors(const std::vector<Extended>& values) const;
  /// N(d, k), the dimension of the spherical harmonics of degree k.
  [[nodiscard]] double multiplicity(std::int64_t degree) const;

 private:
  std::int64_t dimension_;
  std::vector<Extended> nodes_;
  std::vector<std::vector<Extended>> weights_;         // [degree][node]
  std::vector<std::vector<Extended>> coarse_weights_;  // [degree][every second node]
};

/// Eigenvalues of both kernels for networks of depth 1 ... L.
struct DegreeSpectrum {
  std::int64_t depths = 0;
  std::int64_t degrees = 0;  ///< the largest degree and one
  // [2 x depths x degrees], the NTK first; an eigenvalue that is not larger than its error is 0.
  std::vector<double> eigenvalue;
  std::vector<double> error;
  std::vector<double> diagonal;  ///< Phi(1), the sum of all eigenvalues, [2 x depths]
};

/// Local. Throws as zonal_kernels does.
template <class Transform>
DegreeSpectrum degree_spectrum(const Transform& transform, const Architecture& architecture,
                               std::int64_t dimension, std::int64_t degree);

}  // namespace ntkflow
