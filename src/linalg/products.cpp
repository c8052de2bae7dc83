#include "ntkflow/linalg/products.hpp"

#include <cmath>
#include <span>
#include <vector>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/collectively.hpp>

#include "scalapack_abi.hpp"

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
  const auto local = a.local();
  std::vector<double> sums;     // of whole columns
  std::vector<double> of_rows;  // of this rank's rows, left of the diagonal
  collectively(a.grid()->comm(), [&] {
    sums.resize(static_cast<std::size_t>(a.rows()));
    of_rows.resize(static_cast<std::size_t>(local.rows));
  });
  for (std::int64_t j_loc = 0; j_loc < local.cols; ++j_loc) {
    const GlobalIndex j = a.col_map().to_global({j_loc});
    const Real* column = local.column(j_loc);
    double sum =
        a.row_map().is_mine(j) ? std::abs(double{column[a.row_map().to_local(j).value]}) : 0.0;
    double* rows = of_rows.data();
#pragma omp simd reduction(+ : sum)
    for (std::int64_t i = a.row_map().local_count_below({j.value + 1}); i < local.rows; ++i) {
      const double value = std::abs(double{column[i]});
      sum += value;
      rows[i] += value;
    }
    sums[static_cast<std::size_t>(j.value)] = sum;
  }
  for (std::int64_t i_loc = 0; i_loc < local.rows; ++i_loc) {
    const GlobalIndex i = a.row_map().to_global({i_loc});
    sums[static_cast<std::size_t>(i.value)] += of_rows[static_cast<std::size_t>(i_loc)];
  }
  a.grid()->comm().sum(std::span(sums));
  double norm = 0.0;
  for (const double sum : sums) {
    norm = sum > norm || std::isnan(sum) ? sum : norm;
  }
  return norm;
}

template void multiply(Transpose, Transpose, float, const DistMatrix<float>&,
                       const DistMatrix<float>&, float, DistMatrix<float>&);
template void multiply(Transpose, Transpose, double, const DistMatrix<double>&,
                       const DistMatrix<double>&, double, DistMatrix<double>&);
template double symmetric_norm(const DistMatrix<float>&);
template double symmetric_norm(const DistMatrix<double>&);

}  // namespace ntkflow
