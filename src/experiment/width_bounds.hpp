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

/// The part of such a kernel that the first layer's parameters make, H = E Y for the terms Y =
/// sigma_w^2 v^2 1[z > 0] 1[z' > 0] c, and E Y^2. All orthants of three normal numbers have a
/// closed form, so that both are exact: P(z_i, z_j, z_k > 0) = 1/8 + (asin rho_ij + asin rho_ik +
/// asin rho_jk) / (4 pi).
struct FirstLayerMoments {
  Matrix<double> mean;         ///< H, [N x N]
  Matrix<double> mean_square;  ///< E Y^2, [N x N]
};
/// Nothing where the architecture is another one. Local.
/// @param x  [d x N], none of variance 0
std::optional<FirstLayerMoments> relu_first_layer(const Architecture& architecture,
                                                  const Matrix<double>& x);

/// A width at which the smallest eigenvalue of such a kernel is at least `part` of that of H, l,
/// with probability 1 - failure. The mean of n independent terms Y >= 0 is what is left of the
/// kernel without others that are not negative, so that it may stand for it; and for any theta > 0
///
///     P(lambda_min(mean Y) <= part l) <= N exp(-n (lambda_min(theta H - theta^2 E Y^2 / 2) - theta
///     part l)),
///
/// from Tropp (2012), theorem 3.6, with log E e^(-theta Y) <= -theta H + theta^2 E Y^2 / 2, which
/// needs Y >= 0 and no bound from above, since e^-a <= 1 - a + a^2 / 2 for a >= 0. The exponent is
/// concave in theta, of which the best is taken. With E Y^2 <= R H it is at least (1 - part)^2 l /
/// (2 R): a Chernoff bound, of order 1 / l. Local.
/// @pre l > 0, 0 <= part < 1
double chernoff_width(const FirstLayerMoments& moments, double part, double failure);

/// L^6 / epsilon^4 log(L / failure), the width of Arora et al. (2019), theorem 3.1, for one entry
/// within epsilon of Theta(x, x). Its constant is not known: here it is 1. Local.
/// @param layers  L, hidden ones
double arora_width(int layers, double epsilon, double failure);

/// (N / l)^2 log(N / failure) for the smallest eigenvalue to be 3/4 of the limit's at the start,
/// and N^6 / (l^4 failure^3) for training to converge, both with the constant 1 in place of unknown
/// ones. Du, Zhai, Poczos, Singh (2019), section 3, whose network trains its first layer alone.
/// Local.
/// @param least  l, the smallest eigenvalue of the first layer's H over the mean of its diagonal
double du_start_width(std::int64_t samples, double least, double failure);
double du_training_width(std::int64_t samples, double least, double failure);

/// The smallest of `values` that a fraction of them is not above. Local.
double quantile_at(std::span<const double> values, double fraction);

/// What measurements at some widths say of another: it is `width`; or at most the narrowest or more
/// than the widest of them, and then that is `width`.
struct WidthFound {
  enum class Side { at_most = -1, exactly = 0, more_than = 1 };

  Side side = Side::exactly;
  double width = 0.0;
};

/// The width from which on a quantity measured at ascending widths is at most `most`, on straight
/// lines of value over log2 width between neighbours. Local.
WidthFound width_within(std::span<const double> log2_widths, std::span<const double> values,
                        double most);

/// How many pairs have one smallest eigenvalue at most half the other, and at how many of these the
/// smaller one needs a larger width. Nearer ones would be told apart by chance; and those that both
/// need at most the narrowest width, or more than the widest, are not told apart at all.
struct Comparison {
  std::int64_t pairs = 0;
  std::int64_t growing = 0;
};
/// Local.
Comparison compare_widths(std::span<const double> least, std::span<const WidthFound> needed);

/// x with sample 1 moved towards sample 0, along the arc between them on the sphere around the
/// origin (its norm stays), to the angle `separation`. Local. Throws NumericalError where the two
/// have no plane.
Matrix<double> brought_together(const Matrix<double>& x, double separation);

}  // namespace ntkflow
