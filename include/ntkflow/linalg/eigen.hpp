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

/// The eigensolver did not converge, or the matrix holds a NaN or infinity; the same on all ranks.
struct EigenFailure {
  /// The largest |info| of p?syevd over the ranks, 0 when it was not called.
  std::int64_t info = 0;
  /// The first row, 0-based, of the lower triangle with a value that is not finite, or -1.
  std::int64_t not_finite_row = -1;
};

/// Full eigensystem by p?syevd. Collective over a.grid()->comm().
///
/// @param a  [n x n], lower triangle read; consumed.
/// Memory per rank beside `a`: vectors (as a) and the workspace of eigen_workspace. Cost: about 9
/// n^3 flop. Throws ResourceError (on all ranks) when the workspace exceeds ScaLAPACK's 32-bit
/// integers.
template <class Real>
std::variant<EigenSystem<Real>, EigenFailure> diagonalise(DistMatrix<Real> a);

/// Values of workspace that p?syevd needs on the rank that needs most, in 64 bits (the library's
/// own query overflows): its documented formula, and that of p?ormtr, which it calls and whose need
/// for blocks larger than the matrix it forgets. Local.
std::int64_t eigen_workspace(std::int64_t n, std::int64_t block, GridShape grid);

/// Throws the ResourceError of diagonalise, with a number of ranks that would do, if a matrix of
/// this order were too large for it. Local.
void check_eigen_size(std::int64_t n, std::int64_t block, GridShape grid);

}  // namespace ntkflow
