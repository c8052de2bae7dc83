#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/leading_eigenpairs.hpp>

namespace ntkflow {

/// How much of the targets lies along which eigenvalue of Pi = K/N. It decides what training on
/// 1/2 mean |f - y|^2 learns, and when: along eigenvector i the error f - y decays as
/// exp(-t lambda_i), or as (1 - eta lambda_i)^s over s steps of gradient descent. All N eigenpairs
/// may be known or the leading ones; of the others then only how much energy and how much of the
/// trace they hold together.
struct SpectralMeasure {
  std::int64_t samples = 0;        ///< N
  std::vector<double> eigenvalue;  ///< of K/N, descending, [n]
  Matrix<double> energy;           ///< (v_i^T (y_c - f0_c))^2 / N, [n x C]
  std::vector<double> outside;     ///< energy of each output outside of these n pairs, [C]
  double trace = 0.0;              ///< of K/N
  /// Sum over the pairs of |Pi v - lambda v|; 0 of a full eigensystem, which is taken as exact.
  double error = 0.0;
  /// Whether all pairs converged, so that no eigenvalue outside is above the last known one.
  bool converged = true;

  /// The leading eigenvalues that are not zero to rounding, N eps lambda_max; the modes after them
  /// never move.
  [[nodiscard]] std::int64_t rank() const;
  /// Energy of mode i, summed over the outputs.
  [[nodiscard]] double mode_energy(std::int64_t i) const;
};

/// The measure of a full eigensystem. Local.
/// @param modes  modes_of(eigen, y - f_0), [N x C]
SpectralMeasure spectral_measure(const EigenSystem<double>& eigen, const Matrix<double>& modes);

/// The measure of leading eigenpairs. Collective over comm, that of the pairs.
/// @param residual  y - f_0, [N x C], whole on every rank
/// @param trace     of K
SpectralMeasure spectral_measure(const Communicator& comm, const LeadingEigenpairs& pairs,
                                 const Matrix<double>& residual, double trace);

// All of the following are Local.

/// Fraction of |y_c - f0_c|^2 that the modes up to each hold, [n x C]; 1 for an output without any.
Matrix<double> cumulative_energy(const SpectralMeasure& measure);

/// Energy of each output that does not move: Delta^0, that of the null space, where all pairs are
/// known; else also that of all modes outside of those found, which move but nobody knows how
/// fast. Ref: Jacot, Gabriel, Hongler (2018), section 5.
std::vector<double> energy_at_rest(const SpectralMeasure& measure);

/// exp(-2 t lambda_i) E_i of the `modes` leading modes, [T x modes], summed over outputs.
/// @param times  absolute
Matrix<double> mode_curves(const SpectralMeasure& measure, std::span<const double> times,
                           std::int64_t modes);
/// What is left of the energy of all modes, [T]: twice the training loss of the flow. What is at
/// rest stays.
std::vector<double> energy_curve(const SpectralMeasure& measure, std::span<const double> times);

/// Training loss 1/2 mean |f - y|^2 after so many steps of gradient descent, what is at rest
/// staying. @param learning_rate  absolute, below 2/lambda_max(K/N)
double descent_loss(const SpectralMeasure& measure, double learning_rate, std::int64_t steps);
/// Steps are counted up to here, 9007199254740992: a double holds no more one by one.
inline constexpr std::int64_t kMostDescentSteps = std::int64_t{1} << 53;
/// The smallest number of steps after which descent_loss is at most `loss`, by bisection, for the
/// loss falls with every step; -1 where it never is, as what is at rest exceeds it, and
/// kMostDescentSteps where it takes as many or more.
std::int64_t steps_to_loss(const SpectralMeasure& measure, double learning_rate, double loss);

/// What is known of a number.
struct Bounds {
  double lower = 0.0;
  double upper = 0.0;
};
/// d(mu) = tr K (K + mu I)^-1 = sum lambda / (lambda + mu), the number of modes that a ridge mu
/// lets pass. Equal bounds where all pairs are known.
///
/// Else, of the eigenvalues outside, r in number with the sum tau: as lambda / (lambda + mu) is
/// concave, they add most where they are equal, and least where tau / l of them are l, the most
/// that one can be: the last known one, or tau where pairs did not converge. Pairs with residuals
/// are exact for a matrix that lies 2 `error` away in the trace norm, over which the sum changes by
/// 2 error / mu at most (Mirsky 1960), or by 1 for each pair (interlacing): the bounds are that
/// much wider, but no wider than those of the trace alone.
/// @param ridge  mu, absolute. Ref: Caponnetto, De Vito (2007), Optimal rates for the regularized
/// least-squares algorithm.
Bounds effective_dimension(const SpectralMeasure& measure, double ridge);

/// Ridges of K from 1e-6 lambda_max(K) to lambda_max(K), in equal ratios.
std::vector<double> standard_ridges(const SpectralMeasure& measure);

}  // namespace ntkflow
