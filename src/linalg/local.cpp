#include "ntkflow/linalg/local.hpp"

#include <algorithm>
#include <sstream>

#include <dlfcn.h>
#include <omp.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/narrow.hpp>

#include "blas_abi.hpp"

namespace ntkflow {
namespace {

/// A function of the BLAS that the loader has chosen, or null. Looked up at run time, since a
/// system may swap the library behind libblas.so after we were built (Debian's alternatives).
template <class Function>
Function* blas_function(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

}  // namespace

template <class Real>
void multiply(Transpose transpose_a, Transpose transpose_b, Real alpha, MatrixView<const Real> a,
              MatrixView<const Real> b, Real beta, MatrixView<Real> c) {
  const bool flip_a = transpose_a == Transpose::yes;
  const bool flip_b = transpose_b == Transpose::yes;
  const std::int64_t inner = flip_a ? a.rows : a.cols;
  NTKFLOW_EXPECTS((flip_a ? a.cols : a.rows) == c.rows, a.rows, a.cols, c.rows);
  NTKFLOW_EXPECTS((flip_b ? b.rows : b.cols) == c.cols, b.rows, b.cols, c.cols);
  NTKFLOW_EXPECTS((flip_b ? b.cols : b.rows) == inner, b.rows, b.cols, inner);
  const auto stride = [](std::int64_t ld) {
    return narrow<int>(std::max<std::int64_t>(1, ld), "column stride");
  };
  blas::gemm(flip_a ? 'T' : 'N', flip_b ? 'T' : 'N', narrow<int>(c.rows, "matrix rows"),
             narrow<int>(c.cols, "matrix columns"), narrow<int>(inner, "matrix columns"), alpha,
             a.data, stride(a.ld), b.data, stride(b.ld), beta, c.data, stride(c.ld));
}

void set_blas_threads(int threads) {
  NTKFLOW_EXPECTS(threads >= 1, threads);
  if (auto* set = blas_function<void(int)>("openblas_set_num_threads")) {
    set(threads);
  }
  omp_set_num_threads(threads);  // an OpenBLAS with threads of its own leaves OpenMP's alone
}

std::string blas_description() {
  auto* const config = blas_function<char*()>("openblas_get_config");
  auto* const core = blas_function<char*()>("openblas_get_corename");
  auto* const threads = blas_function<int()>("openblas_get_num_threads");
  if (config == nullptr || core == nullptr || threads == nullptr) {
    return "BLAS other than OpenBLAS";
  }
  // openblas_get_config() begins "OpenBLAS 0.3.21 ...".
  std::istringstream words(config());
  std::string name;
  std::string version;
  words >> name >> version;
  const int count = threads();
  return name + " " + version + " (" + core() + ", " + std::to_string(count) +
         (count == 1 ? " thread)" : " threads)");
}

template void multiply(Transpose, Transpose, float, MatrixView<const float>,
                       MatrixView<const float>, float, MatrixView<float>);
template void multiply(Transpose, Transpose, double, MatrixView<const double>,
                       MatrixView<const double>, double, MatrixView<double>);

}  // namespace ntkflow
