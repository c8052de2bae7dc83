#pragma once

#include <cstdint>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>
#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {

/// A = V diag(values) V^T of a symmetric matrix on this rank alone: values ascending, eigenvector j
/// in column j.
struct LocalEigenSystem {
  std::vector<double> values;
  Matrix<double> vectors;
};

/// Full eigensystem of a small matrix [m x m], lower triangle read (xSYEVD). Throws NumericalError
/// when the solver does not converge. Local. Cost: about 9 m^3 flop.
LocalEigenSystem diagonalise_local(MatrixView<const double> a);

/// The largest order of it: the workspace of xSYEVD, 1 + 6 m + 2 m^2 values, has a 32-bit size.
constexpr std::int64_t kMostLocalOrder = 32766;

/// The eigensystem of rank 0's H [m x m], lower triangle read, with the same bits on every rank:
/// each for itself, ranks whose processors or thread counts differ may find other last bits, or
/// eigenvectors of the other sign. Throws as diagonalise_local. Collective over comm.
LocalEigenSystem diagonalise_shared(const Communicator& comm, MatrixView<const double> h);

}  // namespace ntkflow
