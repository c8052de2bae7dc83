#include "ntkflow/linalg/products.hpp"

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/collectively.hpp>

#include "scalapack_abi.hpp"
#include "workspace.hpp"

namespace ntkflow {

template <class Real>
void multiply(Transpose transpose_a, Transpose transpose_b, Real alpha, const DistMatrix<Real>& a,
              const DistMatrix<Real>& b, Real beta, DistMatrix<Real>& c) {
  const bool flip_a = transpose_a == Transpose::yes;
  const bool flip_b = transpose_b == Transpose::yes;
  const std::int64_t inner = flip_a ? a.rows() : a.cols();
  NTKFLOW_EXPECTS(a.grid() == c.grid() && b.grid() == c.grid());
  NTKFLOW_EXPECTS(a.block() == c.block() && b.block() == c.block(), a.block(), b.block(),
                  c.block());
  NTKFLOW_EXPECTS((flip_a ? a.cols() : a.rows()) == c.rows(), a.rows(), a.cols(), c.rows());
  NTKFLOW_EXPECTS((flip_b ? b.rows() : b.cols()) == c.cols(), b.rows(), b.cols(), c.cols());
  NTKFLOW_EXPECTS((flip_b ? b.cols() : b.rows()) == inner, b.rows(), b.cols(), inner);
  scalapack::gemm(flip_a ? 'T' : 'N', flip_b ? 'T' : 'N', narrow<int>(c.rows(), "matrix rows"),
                  narrow<int>(c.cols(), "matrix columns"), narrow<int>(inner, "matrix columns"),
                  alpha, a.local().data, scalapack::describe(a), b.local().data,
                  scalapack::describe(b), beta, c.local().data, scalapack::describe(c));
}

template <class Real>
double symmetric_norm(const DistMatrix<Real>& a) {
  NTKFLOW_EXPECTS(a.rows() == a.cols(), a.rows(), a.cols());
  if (a.rows() == 0) {
    return 0.0;
  }
  const std::int64_t needed = norm_workspace(a.rows(), a.block(), a.grid()->shape());
  AlignedBuffer<Real> work;
  collectively(a.grid()->comm(),
               [&] { work = AlignedBuffer<Real>(workspace_size(needed, 0.0, "p?lansy")); });
  return static_cast<double>(scalapack::lansy('1', 'L', narrow<int>(a.rows(), "matrix rows"),
                                              a.local().data, scalapack::describe(a), work.data()));
}

template void multiply(Transpose, Transpose, float, const DistMatrix<float>&,
                       const DistMatrix<float>&, float, DistMatrix<float>&);
template void multiply(Transpose, Transpose, double, const DistMatrix<double>&,
                       const DistMatrix<double>&, double, DistMatrix<double>&);
template double symmetric_norm(const DistMatrix<float>&);
template double symmetric_norm(const DistMatrix<double>&);

}  // namespace ntkflow
