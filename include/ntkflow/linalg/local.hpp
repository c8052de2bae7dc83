#pragma once

#include <string>

#include <ntkflow/base/matrix_view.hpp>

namespace ntkflow {

enum class Transpose { no, yes };

/// C = alpha op(A) op(B) + beta C on this rank alone (xGEMM), with sizes checked against BLAS's
/// integers. Local.
template <class Real>
void multiply(Transpose transpose_a, Transpose transpose_b, Real alpha, MatrixView<const Real> a,
              MatrixView<const Real> b, Real beta, MatrixView<Real> c);

/// Threads that BLAS and our own OpenMP loops may use on this rank. OPENBLAS_NUM_THREADS has no
/// effect on an OpenMP build, this has. Local.
void set_blas_threads(int threads);

/// Name, version and processor core of the BLAS in use, as "OpenBLAS 0.3.21 (SkylakeX, 1 thread)".
/// Local.
std::string blas_description();

/// A matrix product, a rank-k update and a factorisation of order 300 against plain loops: tens of
/// milliseconds. Some OpenBLAS releases had wrong AVX-512 kernels that show as a false "not
/// positive definite". Returns the fault as one sentence, or empty. Local.
std::string blas_self_test();

}  // namespace ntkflow
