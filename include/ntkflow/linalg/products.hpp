#pragma once

#include <ntkflow/dist/dist_matrix.hpp>
#include <ntkflow/linalg/local.hpp>

namespace ntkflow {

/// C = alpha op(A) op(B) + beta C on block-cyclic matrices of one grid and block size (p?gemm).
/// Collective over the grid.
template <class Real>
void multiply(Transpose transpose_a, Transpose transpose_b, Real alpha, const DistMatrix<Real>& a,
              const DistMatrix<Real>& b, Real beta, DistMatrix<Real>& c);

/// ||A||_1 = ||A||_inf of a symmetric matrix of which the lower triangle is read, summed in double;
/// NaN if A holds one. Collective over the grid.
template <class Real>
double symmetric_norm(const DistMatrix<Real>& a);

}  // namespace ntkflow
