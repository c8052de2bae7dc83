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
#include <ntkflow/regression/options.hpp>

namespace ntkflow {

/// Wall time of the steps of a fit, the maximum over the ranks.
struct FitSeconds {
  double factor = 0.0;
  double condition = 0.0;
  double solve = 0.0;
  double residual = 0.0;
};

/// The closed form of training for ever: alpha = (K + ridge I)^-1 (y - f_0), and how far it can be
/// trusted.
struct RegressionFit {
  Matrix<double> coefficients;  ///< alpha, [N x C]
  Matrix<double>
      residual;  ///< (y - f_0) - (K + ridge I) alpha, [N x C], with K evaluated anew in double
  double ridge = 0.0;           ///< absolute, as used
  double backward_error = 0.0;  ///< max over outputs of |residual|_inf / (|K + ridge I|_inf
                                ///< |alpha|_inf + |y - f_0|_inf)
  std::int64_t refinement_steps = 0;
  double log_determinant = 0.0;          ///< of K + ridge I
  double log_marginal_likelihood = 0.0;  ///< summed over outputs
  double reciprocal_condition = 0.0;     ///< estimate in the 1-norm
  Pivot smallest_pivot;
  double norm = 0.0;              ///< |K + ridge I|_1
  double largest_diagonal = 0.0;  ///< of K + ridge I
  FitSeconds seconds;
};

/// The matrix K + ridge I is not positive definite to working precision.
struct NotSolvable {
  std::int64_t order =
      0;  ///< of the first leading minor that fails, 1-based: sample `order - 1` is the cause
  double norm = 0.0;  ///< |K + ridge I|_1
  double suggested_ridge =
      0.0;  ///< absolute; the smallest worth trying, 10 N eps |K|_1, rounded up
};

/// The ridge in the kernel's own units. @param trace  of K.
double absolute_ridge(const Ridge& ridge, double trace, std::int64_t n);

/// Factors K + ridge I and solves for all outputs. Never adds to the ridge by itself. Collective
/// over k's grid.
///
/// @param k          [N x N], lower triangle; consumed
/// @param exact      the same K in double precision, for the residual
/// @param target     y - f_0, [N x C], whole on every rank
/// @param ridge      absolute
/// @param duplicate  positions of training samples that repeat an earlier one, ascending. With
/// ridge 0 they make K singular
///                   whatever rounding lets the factorisation see, so that a pivot below N eps K_jj
///                   there counts as failure.
/// Cost: N^3/3 flop, and one evaluation of the kernel for the residual.
/// Ref: Higham, Accuracy and Stability of Numerical Algorithms (2002), section 7.1 (backward
/// error); Rasmussen, Williams (2006), equation 2.30 (marginal likelihood).
template <class Real>
std::variant<RegressionFit, NotSolvable> fit_regression(DistMatrix<Real> k,
                                                        const LinearOperator& exact,
                                                        const Matrix<double>& target, double ridge,
                                                        std::span<const std::int64_t> duplicate);

}  // namespace ntkflow
