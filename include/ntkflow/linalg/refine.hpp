#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

struct RefineOptions {
  double tolerance = 0.0;  ///< on the backward error; 0: sqrt(n) eps of double
  int max_steps = 40;      ///< 0: the first solution as it is
};

enum class RefineOutcome {
  converged,  ///< the tolerance is reached, or no step was asked for
  stalled,    ///< steps no longer reduce the error, max_steps are done, or a number is not finite
};

/// Solutions of A X = B and how they were reached; the same on all ranks.
struct Refined {
  Matrix<double> solution;  ///< [n x k], of each column the iterate with the least error
  Matrix<double> residual;  ///< B - A X, [n x k], as the steps update it in double
  /// Of `solution`, by `residual`; after a step not below eps, which X's own rounding amounts to.
  double backward_error = 0.0;
  RefineOutcome outcome = RefineOutcome::converged;
  std::int64_t steps = 0;
  /// Backward error max over columns of |r|_inf / (|A|_inf |x|_inf + |b|_inf) before the first step
  /// and after each.
  std::vector<double> history;
  double product_seconds = 0.0;  ///< in products with A
  double solve_seconds = 0.0;    ///< in approximate solves
};

/// Solves A X = B from an approximate inverse, as a Cholesky factor in lower precision gives, by
/// conjugate gradients that it preconditions; all columns share their products with A, each has its
/// own coefficients. Collective over the operators' ranks.
///
/// @param a        symmetric positive definite [n x n], in full accuracy
/// @param inverse  near A^-1, symmetric but for rounding; its range may be that of a lower
///                 precision, since it is given columns of size 1
/// @param b        [n x k], whole on every rank
/// @param norm     |A|_inf
///
/// A column that has reached the tolerance is not moved again. The run has stalled when three steps
/// do not halve the least error of the worst column, and when the curvature p^T A p of a search
/// direction is not positive, as it is for an A that is not positive definite.
///
/// Cost: the first solution takes one solve and one product, each step one of both. No product
/// checks the residual at the end: apart from the error of the products themselves, s steps part
/// the updated residual from B - A X by no more than the rounding of X that they add, s eps |A| |x|
/// / 2 and on average sqrt(n) less, which is below the default tolerance for the few steps that a
/// good inverse takes. Ref: Golub, Ye (1999), Inexact preconditioned conjugate gradient method (the
/// inverse is not exactly linear in floating point); Greenbaum (1997), Estimating the attainable
/// accuracy of recursively computed residual methods; Carson, Higham (2018).
Refined refine(const LinearOperator& a, const LinearOperator& inverse, const Matrix<double>& b,
               double norm, const RefineOptions& options, Monitor& monitor);

}  // namespace ntkflow
