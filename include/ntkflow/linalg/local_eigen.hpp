#pragma once

#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/matrix_view.hpp>

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

}  // namespace ntkflow
