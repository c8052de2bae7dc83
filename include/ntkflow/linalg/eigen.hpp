#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include <ntkflow/dist/dist_matrix.hpp>

namespace ntkflow {

/// A = V diag(values) V^T of a symmetric matrix: values ascending and the same on all ranks,
/// eigenvector j in column j.
template <class Real>
struct EigenSystem {
  std::vector<double> values;
  DistMatrix<Real> vectors;
};

/// The eigensolver did not converge, or the matrix holds a NaN; the same on all ranks.
struct EigenFailure {
  std::int64_t info = 0;
};

/// Full eigensystem by p?syevd. Collective over a.grid()->comm().
///
/// @param a  [n x n], lower triangle read; consumed.
/// Memory per rank beside `a`: vectors (as a) and the workspace of eigen_workspace. Cost: about 9
/// n^3 flop. Throws ResourceError (on all ranks) when the workspace exceeds ScaLAPACK's 32-bit
/// integers.
template <class Real>
std::variant<EigenSystem<Real>, EigenFailure> diagonalise(DistMatrix<Real> a);

/// Values of workspace that p?syevd needs on one rank, from its documented formula, in 64 bits (the
/// library's own query overflows). Local.
std::int64_t eigen_workspace(std::int64_t n, std::int64_t block, GridShape grid);

}  // namespace ntkflow
