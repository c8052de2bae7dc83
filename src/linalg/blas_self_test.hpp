#pragma once

#include <string>

namespace ntkflow {

/// The routines under test, double precision, as in blas_abi.hpp: order n, leading dimension n.
struct BlasRoutines {
  /// C = A B.
  void (*product)(int n, const double* a, const double* b, double* c);
  /// Lower triangle of C = A A^T.
  void (*rank_k_update)(int n, const double* a, double* c);
  /// Lower triangle of A becomes its Cholesky factor; returns info.
  int (*factor)(int n, double* a);
};

/// Compares `routines` with plain loops at order n. Returns the fault as one sentence, or empty.
/// Local.
std::string find_blas_fault(const BlasRoutines& routines, int n);

}  // namespace ntkflow
