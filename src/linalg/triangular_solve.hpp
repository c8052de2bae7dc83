#pragma once

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/dist_matrix.hpp>

// Triangular solves with a block-cyclic Cholesky factor for few right-hand sides. Each reads the
// factor once; what a rank adds to its part of the work per block is the same for all, so that they
// wait for one another no longer than for the block's own small solve and two messages.
//
// Ref: Heath, Romine, Parallel solution of triangular systems on distributed-memory
// multiprocessors, SIAM J. Sci. Stat. Comput. 9 (1988) 558.
namespace ntkflow {

/// Solves L Y = X in place. Collective over the grid.
///
/// @param l  [n x n], lower triangle read
/// @param x  [n x k] on every rank: X on entry. On return a rank has Y in the rows of those
///           diagonal blocks that it owns; other rows are unspecified.
template <class Real>
void forward_substitute(const DistMatrix<Real>& l, Matrix<Real>& x);

/// Solves L^T Y = X in place. Collective over the grid. A rank gives X, and receives Y, in the rows
/// of the diagonal blocks that it owns.
template <class Real>
void backward_substitute(const DistMatrix<Real>& l, Matrix<Real>& x);

/// (L L^T)^-1 B for B [n x k], given and returned whole on every rank. Computed in Real, each
/// column scaled by a power of two to magnitudes that Real can hold. Collective over the grid.
template <class Real>
Matrix<double> solve_factored(const DistMatrix<Real>& l, const Matrix<double>& b);

}  // namespace ntkflow
