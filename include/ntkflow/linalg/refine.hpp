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
  stalled,    ///< steps no longer reduce the error, or max_steps are done
};

/// Solutions of A X = B and how they were reached; the same on all ranks.
struct Refined {
  Matrix<double> solution;  ///< [n x k]
  Matrix<double> residual;  ///< B - A X, [n x k], as the steps update it in double
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
/// @param inverse  near A^-1, symmetric but for rounding
/// @param b        [n x k], whole on every rank
/// @param norm     |A|_inf
/// Each step costs one product and one solve. Ref: Golub, Ye (1999), Inexact preconditioned
/// conjugate gradient method (the inverse is not exactly linear in floating point); Carson, Higham
/// (2018).
Refined refine(const LinearOperator& a, const LinearOperator& inverse, const Matrix<double>& b,
               double norm, const RefineOptions& options, Monitor& monitor);

}  // namespace ntkflow
