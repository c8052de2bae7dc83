#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/linear_operator.hpp>
#include <ntkflow/linalg/refine.hpp>
#include <ntkflow/regression/options.hpp>

namespace ntkflow {

struct FitOptions {
  Factorization factorization = Factorization::automatic;
  RefineOptions refinement{.max_steps = 0};  ///< by default the solution that the factor gives
};

/// Wall time of the steps of a fit, the maximum over the ranks.
struct FitSeconds {
  double factor = 0.0;
  double condition = 0.0;
  double solve = 0.0;     ///< all solves with the factor
  double residual = 0.0;  ///< all products with the exact kernel
};

/// The closed form of training for ever: alpha = (K + ridge I)^-1 (y - f_0), and how far it can be
/// trusted.
struct RegressionFit {
  Matrix<double> coefficients;  ///< alpha, [N x C]
  Matrix<double> residual;      ///< (y - f_0) - (K + ridge I) alpha, [N x C], with K in double, as
                                ///< in Refined
  double ridge = 0.0;           ///< absolute, as used
  double backward_error = 0.0;  ///< max over outputs of |residual|_inf / (|K + ridge I|_inf
                                ///< |alpha|_inf + |y - f_0|_inf)
  RefineOutcome refinement = RefineOutcome::converged;
  std::int64_t refinement_steps = 0;
  std::vector<double> refinement_history;  ///< backward error before the first step and after each
  /// Of K + ridge I, from the factor and in its precision: refinement does not improve it. Rounding
  /// K and factoring it change it by at most N (N + 1) eps cond, in practice by about N eps (on
  /// MNIST with N = 4,000 and a factor in single 2e-4 of 1.2e3).
  double log_determinant = 0.0;
  double log_marginal_likelihood = 0.0;  ///< summed over outputs; as accurate as log_determinant
  double reciprocal_condition = 0.0;     ///< estimate in the 1-norm, from the factor
  Pivot smallest_pivot;                  ///< of the factor
  double norm = 0.0;                     ///< |K + ridge I|_1
  double largest_diagonal = 0.0;         ///< of K + ridge I
  FitSeconds seconds;
};

/// A fit, and the factor of K + ridge I that made it, for those who need more solves. The strict
/// upper triangle of its matrix is what k held there.
template <class Real>
struct Regression {
  RegressionFit fit;
  CholeskyFactor<Real> factor;
};

/// The matrix K + ridge I is not positive definite to the precision of its factor. One that fails
/// in single may well have a factor in double, unless a repeated sample is the cause.
struct NotSolvable {
  std::int64_t order =
      0;  ///< of the first leading minor that fails, 1-based: sample `order - 1` is the cause
  double norm = 0.0;  ///< |K + ridge I|_1
  double suggested_ridge =
      0.0;               ///< absolute; the smallest worth trying, 10 N epsilon |K|_1, rounded up
  double epsilon = 0.0;  ///< of the factor's precision
  double factor_seconds = 0.0;  ///< wall time of the attempt, the maximum over the ranks
};

/// The ridge in the kernel's own units. @param trace  of K.
double absolute_ridge(const Ridge& ridge, double trace, std::int64_t n);

/// Factors K + ridge I, solves for all outputs, and refines the solution when asked to. Never adds
/// to the ridge by itself. Collective over k's grid.
///
/// @tparam Real      of the factor. `float` with refinement is the mixed mode: coefficients as
///                   accurate as in double as long as the factor is good enough to converge.
/// @param k          [N x N], lower triangle read; consumed
/// @param exact      the same K in double precision, without ridge: for the residual
///                   and the steps of the refinement
/// @param target     y - f_0, [N x C], whole on every rank
/// @param ridge      absolute
/// @param duplicate  positions of training samples that repeat an earlier one, ascending. With
///                   ridge 0 they make K singular whatever rounding lets the factorisation see, so
///                   that a pivot below N eps K_jj there counts as failure; eps is that of Real.
///
/// A refinement that stalls is no failure here: `fit.refinement` says so, and the best solution
/// is given with its error. InterruptedError on all ranks when the monitor asks to stop. Cost:
/// N^3/3 flop, and one product with `exact` for the residual and one for each step of the
/// refinement. Ref: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 7.1
/// (backward error); Rasmussen, Williams (2006), equation 2.30 (marginal likelihood).
template <class Real>
std::variant<Regression<Real>, NotSolvable> fit_regression(
    DistMatrix<Real> k, const LinearOperator& exact, const Matrix<double>& target, double ridge,
    std::span<const std::int64_t> duplicate, const FitOptions& options, Monitor& monitor);

}  // namespace ntkflow
