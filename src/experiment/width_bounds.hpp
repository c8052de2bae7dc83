#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/kernel/architecture.hpp>

// How wide a network must be for its kernel to be near the limit: bounds of theory, and widths read
// off measurements.
namespace ntkflow {

/// Moments of the terms of the kernel of a network with one hidden layer of relu units. With z and
/// z' what a unit reads for two samples, normal with variances q, q' and covariance c, and v ~
/// N(0, 1) its outgoing weight,
///
///     Theta(x, x') = sigma_b^2 + mean over units of T,
///     T = sigma_w^2 (relu(z) relu(z') + v^2 1[z > 0] 1[z' > 0] c).
///
/// E |T|^k <= (k! / 2) variance range^(k - 2) for k >= 2: with g ~ N(0, 1) each of the two summands
/// has E |.|^k <= (q q')^(k/2) E g^2k / 2, by Cauchy and Schwarz, so that by Minkowski
/// E |T|^k <= (2 s)^k (2k - 1)!! / 2, s = sigma_w^2 sqrt(q q'), and (2k - 1)!! <= (3/8) 2^k k!.
/// Hence variance = 6 s^2 and range = 4 s.
struct Moments {
  double variance = 0.0;
  double range = 0.0;
};
/// Of all pairs of samples at once. Nothing where the architecture is another one. Local.
/// @param x  [d x N]
std::optional<Moments> relu_moments(const Architecture& architecture, const Matrix<double>& x);

/// A width at which all N (N + 1) / 2 entries of such a kernel are within `deviation` of the limit
/// with probability 1 - failure: Bernstein's inequality, P(|mean - E| >= t) <= 2 exp(-n t^2 / (2
/// (variance + range t))), for each, and a union over them. Local. Ref: Boucheron, Lugosi, Massart
/// (2013), corollary 2.11, whose moments are not centred either.
double bernstein_width(const Moments& moments, double deviation, std::int64_t samples,
                       double failure);

/// L^6 / epsilon^4 log(L / failure), the width of Arora et al. (2019), theorem 3.1, for one entry
/// within epsilon of Theta(x, x). Its constant is not known: here it is 1. Local.
/// @param layers  L, hidden ones
double arora_width(int layers, double epsilon, double failure);

/// (N / l)^2 log(N / failure) for the smallest eigenvalue to be 3/4 of the limit's at the start,
/// and N^6 / (l^4 failure^3) for training to converge, both with the constant 1 in place of unknown
/// ones. Du, Zhai, Poczos, Singh (2019), section 3. Local.
/// @param least  l, the smallest eigenvalue of the limiting kernel over the mean of its diagonal
double du_start_width(std::int64_t samples, double least, double failure);
double du_training_width(std::int64_t samples, double least, double failure);

/// The smallest of `values` that a fraction of them is not above. Local.
double quantile_at(std::span<const double> values, double fraction);

/// The width from which on a quantity measured at ascending widths is at most `most`, on straight
/// lines of value over log2 width between neighbours; the first width where it always is; nothing
/// where it is above at the last. Local.
std::optional<double> width_within(std::span<const double> log2_widths,
                                   std::span<const double> values, double most);

/// x with sample 1 moved towards sample 0, along the arc between them on the sphere around the
/// origin (its norm stays), to the angle `separation`. Local. Throws NumericalError where the two
/// have no plane.
Matrix<double> brought_together(const Matrix<double>& x, double separation);

}  // namespace ntkflow
