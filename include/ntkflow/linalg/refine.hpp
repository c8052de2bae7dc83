#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/linalg/linear_operator.hpp>

namespace ntkflow {

struct RefineOptions {
  double tolerance = 0.0;  ///< on the backward error; 0: sqrt(n) eps of double
  int max_steps = 40;      ///< two or three are usual; 0: the first solution as it is
};

enum class RefineOutcome {
  converged,  ///< the tolerance is reached, or no step was asked for
  stalled,    ///< a column misses the tolerance: steps no longer reduce its error, max_steps are
              ///< done, its curvature p^T A p is not positive, or a number is not finite
};

/// Solutions of A X = B and how they were reached; the same on all ranks.
struct Refined {
  Matrix<double> solution;  ///< [n x k], of each column the iterate with the least error
  Matrix<double> residual;  ///< B - A X, [n x k], as the steps update it in double or, where they
                            ///< passed large iterates, as a product gives it
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
/// own coefficients. Collective over comm, on which the operators' ranks are.
///
/// @param a        symmetric positive definite [n x n], in full accuracy
/// @param inverse  near A^-1, symmetric but for rounding; its range may be that of a lower
///                 precision, since it is given columns of size 1
/// @param b        [n x k], whole on every rank
/// @param norm     |A|_inf
///
/// A column that has reached the tolerance is not moved again, nor is one whose search direction p
/// has a curvature p^T A p that is not positive, as happens when A is not positive definite, or
/// that is not finite: the others go on. The run has stalled when three steps do not halve the
/// least error of the worst column that moves. Columns of B may be of any size: each is scaled by a
/// power of two. Each step begins with the question whether to stop: InterruptedError on all ranks.
///
/// Cost: the first solution takes one solve and one product, each step one of both. The residual is
/// updated; apart from the error of the products themselves, s steps part it from B - A X by the
/// rounding of the iterates, at most s eps |A| max_j |x_j| / 2 and on average sqrt(n) less. If an
/// iterate was more than twice as large as the solution, as the first may be when cond(A) eps of
/// the inverse's precision exceeds 1, one more product at the end replaces the residual, and
/// columns that then miss the tolerance start again; otherwise the difference is below the default
/// tolerance for the few steps that a good inverse takes. Ref: Golub, Ye (1999), Inexact
/// preconditioned conjugate gradient method (the inverse is not exactly linear in floating point);
/// Greenbaum (1997), Estimating the attainable accuracy of recursively computed residual methods;
/// van der Vorst, Ye (2000), Residual replacement strategies for Krylov subspace iterative methods;
/// Carson, Higham (2018).
Refined refine(const Communicator& comm, const LinearOperator& a, const LinearOperator& inverse,
               const Matrix<double>& b, double norm, const RefineOptions& options,
               Monitor& monitor);

}  // namespace ntkflow
