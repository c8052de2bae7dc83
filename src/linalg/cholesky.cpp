#include "ntkflow/linalg/cholesky.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/products.hpp>

#include "lookahead.hpp"
#include "norm_estimate.hpp"
#include "scalapack_abi.hpp"
#include "triangular_solve.hpp"
#include "workspace.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();

/// The order of the first leading minor whose diagonal element is not finite, on any rank, or
/// kNone. Collective over the grid.
template <class Real>
std::int64_t first_not_finite(const DistMatrix<Real>& factor) {
  std::int64_t order = kNone;
  for_each_diagonal(factor, [&](std::int64_t i, double value) {
    if (!std::isfinite(value)) {
      order = std::min(order, i + 1);
    }
  });
  return factor.grid()->comm().min(order);
}

/// Factors in place with p?potrf. Returns 0 or the order of the first leading minor that is not
/// positive or not a number. Collective over the grid.
template <class Real>
std::int64_t factor_scalapack(DistMatrix<Real>& a) {
  const int info = scalapack::potrf('L', narrow<int>(a.rows(), "matrix rows"), a.local().data,
                                    scalapack::describe(a));
  NTKFLOW_EXPECTS(info >= 0, info);
  // p?potrf is believed to return the same info everywhere; the answer must be the same in any
  // case. It takes a NaN for a positive pivot and goes on.
  const std::int64_t stopped = a.grid()->comm().min(info > 0 ? std::int64_t{info} : kNone);
  const std::int64_t order = std::min(stopped, first_not_finite(a));
  return order == kNone ? 0 : order;
}

}  // namespace

std::int64_t automatic_block_size(std::int64_t n, GridShape grid) {
  constexpr std::int64_t kSmallest = 16;
  constexpr std::int64_t kNarrow = 128;
  constexpr std::int64_t kWide = 256;
  const std::int64_t per_process = n / std::max(grid.rows, grid.cols);
  if (per_process >= 16 * kWide) {
    return kWide;
  }
  return std::clamp(per_process / 4 / kSmallest * kSmallest, kSmallest, kNarrow);
}

void check_cholesky_size(std::int64_t n, std::int64_t block, GridShape grid) {
  const auto elements = [&](GridShape shape) {
    const LocalSize local = largest_local_size(n, block, shape);
    return local.rows * local.cols;
  };
  if (elements(grid) > kLibraryIntegerMax) {
    throw ResourceError(
        "a Cholesky factorisation of order " + std::to_string(n) + " puts " +
        std::to_string(elements(grid)) +
        " matrix elements on one rank, more than the 2^31 - 1 that ScaLAPACK can index; run " +
        ranks_that_fit(grid, [&](GridShape s) { return elements(s) <= kLibraryIntegerMax; }));
  }
}

template <class Real>
CholeskyFactor<Real>::CholeskyFactor(DistMatrix<Real> factor, double norm)
    : factor_(std::move(factor)), norm_(norm) {}

template <class Real>
Matrix<double> CholeskyFactor<Real>::solve(const Matrix<double>& b) const {
  return solve_factored(factor_, b);
}

template <class Real>
void CholeskyFactor<Real>::multiply_lower(DistMatrix<Real>& x) const {
  NTKFLOW_EXPECTS(x.grid() == factor_.grid() && x.block() == factor_.block());
  NTKFLOW_EXPECTS(x.rows() == factor_.rows(), x.rows(), factor_.rows());
  scalapack::trmm('L', 'L', 'N', 'N', narrow<int>(x.rows(), "matrix rows"),
                  narrow<int>(x.cols(), "matrix columns"), Real{1}, factor_.local().data,
                  scalapack::describe(factor_), x.local().data, scalapack::describe(x));
}

template <class Real>
void CholeskyFactor<Real>::solve_in_place(DistMatrix<Real>& x) const {
  NTKFLOW_EXPECTS(x.grid() == factor_.grid() && x.block() == factor_.block());
  NTKFLOW_EXPECTS(x.rows() == factor_.rows(), x.rows(), factor_.rows());
  const int n = narrow<int>(x.rows(), "matrix rows");
  const int columns = narrow<int>(x.cols(), "matrix columns");
  const int width = narrow<int>(x.block(), "block size");
  const auto desc_l = scalapack::describe(factor_);
  const auto desc_x = scalapack::describe(x);
  const Real* l = factor_.local().data;
  const auto solve_block = [&](char transpose, int k) {
    scalapack::trsm('L', 'L', transpose, 'N', std::min(width, n - k), columns, Real{1}, l, {k, k},
                    desc_l, x.local().data, {k, 0}, desc_x);
  };
  // Each way a block column of the factor serves one product: what is known leaves the rows below
  // it, and later what is known below leaves its own rows.
  for (int k = 0; k < n; k += width) {
    solve_block('N', k);
    if (const int next = k + width; next < n) {
      scalapack::gemm('N', 'N', n - next, columns, width, Real{-1}, l, {next, k}, desc_l,
                      x.local().data, {k, 0}, desc_x, Real{1}, x.local().data, {next, 0}, desc_x);
    }
  }
  for (int k = (n - 1) / width * width; n > 0 && k >= 0; k -= width) {
    if (const int next = k + width; next < n) {
      scalapack::gemm('T', 'N', width, columns, n - next, Real{-1}, l, {next, k}, desc_l,
                      x.local().data, {next, 0}, desc_x, Real{1}, x.local().data, {k, 0}, desc_x);
    }
    solve_block('T', k);
  }
}

template <class Real>
double CholeskyFactor<Real>::log_determinant() const {
  double sum = 0.0;
  for_each_diagonal(factor_, [&](std::int64_t, double value) { sum += std::log(value); });
  return 2.0 * factor_.grid()->comm().sum(sum);
}

template <class Real>
Pivot CholeskyFactor<Real>::smallest_pivot() const {
  const Communicator& comm = factor_.grid()->comm();
  double mine = std::numeric_limits<double>::infinity();
  std::int64_t index = kNone;
  for_each_diagonal(factor_, [&](std::int64_t i, double value) {
    if (value * value < mine) {
      mine = value * value;
      index = i;
    }
  });
  const double smallest = comm.min(mine);
  return {smallest, comm.min(mine == smallest ? index : kNone)};
}

template <class Real>
double CholeskyFactor<Real>::reciprocal_condition() const {
  if (factor_.rows() == 0) {
    return 1.0;
  }
  // Not p?pocon: its p?lacon forgets the estimate between calls (seen in ScaLAPACK 2.2.1 and
  // later), and what it then returns is too large by a factor of hundreds on smooth kernels.
  const auto apply_inverse = [this](std::vector<double>& x) {
    Matrix<double> column;
    collectively(factor_.grid()->comm(), [&] { column = Matrix<double>(factor_.rows(), 1); });
    std::copy(x.begin(), x.end(), column.data());
    column = solve(column);
    std::copy_n(column.data(), column.size(), x.begin());
  };
  const double condition = norm_ * estimate_symmetric_norm(factor_.rows(), apply_inverse);
  return std::isfinite(condition) ? 1.0 / condition : 0.0;
}

template <class Real>
std::variant<CholeskyFactor<Real>, NotPositiveDefinite> factor_cholesky(DistMatrix<Real> a,
                                                                        Factorization method,
                                                                        Monitor& monitor) {
  NTKFLOW_EXPECTS(a.rows() == a.cols(), a.rows(), a.cols());
  check_cholesky_size(a.rows(), a.block(), a.grid()->shape());
  const double norm = symmetric_norm(a);
  const std::int64_t order =
      method == Factorization::scalapack ? factor_scalapack(a) : factor_lookahead(a, monitor);
  if (order != 0) {
    return NotPositiveDefinite{order, norm};
  }
  return CholeskyFactor<Real>(std::move(a), norm);
}

template class CholeskyFactor<float>;
template class CholeskyFactor<double>;
template std::variant<CholeskyFactor<float>, NotPositiveDefinite> factor_cholesky(DistMatrix<float>,
                                                                                  Factorization,
                                                                                  Monitor&);
template std::variant<CholeskyFactor<double>, NotPositiveDefinite> factor_cholesky(
    DistMatrix<double>, Factorization, Monitor&);

}  // namespace ntkflow
