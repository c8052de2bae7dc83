#include "ntkflow/linalg/eigen.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/collectively.hpp>

#include "scalapack_abi.hpp"
#include "workspace.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();

std::int64_t integer_workspace(std::int64_t n, GridShape grid) {
  return 7 * n + 8 * std::int64_t{grid.cols} + 2;
}

/// The first row with a NaN or infinity in the lower triangle, on any rank, or kNone. Collective
/// over the grid.
template <class Real>
std::int64_t first_not_finite_row(const DistMatrix<Real>& a) {
  const auto local = a.local();
  std::int64_t row = kNone;
  for (std::int64_t j_loc = 0; j_loc < local.cols; ++j_loc) {
    const GlobalIndex j = a.col_map().to_global({j_loc});
    const Real* column = local.column(j_loc);
    const Real* end = column + local.rows;
    const Real* found = std::find_if_not(column + a.row_map().local_count_below(j), end,
                                         [](Real value) { return std::isfinite(value); });
    if (found != end) {
      row = std::min(row, a.row_map().to_global({found - column}).value);
    }
  }
  return a.grid()->comm().min(row);
}

}  // namespace

std::int64_t eigen_workspace(std::int64_t n, std::int64_t block, GridShape grid) {
  const auto [rows, cols] = largest_local_size(n, block, grid);
  const std::int64_t tridiagonal = 3 * n + std::max(block * (rows + 1), 3 * block);
  const std::int64_t divide_and_conquer = 1 + 6 * n + 2 * rows * cols;
  const std::int64_t back_transform =
      std::max(block * (block - 1) / 2, (rows + cols) * block) + block * block;
  return std::max({tridiagonal, divide_and_conquer, back_transform}) + 2 * n;
}

void check_eigen_size(std::int64_t n, std::int64_t block, GridShape grid) {
  const auto largest = [&](GridShape shape) {
    return std::max(eigen_workspace(n, block, shape), integer_workspace(n, shape));
  };
  const auto fits = [&](GridShape shape) {
    return largest(shape) <= kLibraryIntegerMax - kWorkspaceMargin;
  };
  if (!fits(grid)) {
    throw ResourceError("an eigendecomposition of order " + std::to_string(n) +
                        " needs a workspace of " + std::to_string(largest(grid)) +
                        " values on one rank, more than the 2^31 - 1 that ScaLAPACK can index; "
                        "run " +
                        ranks_that_fit(grid, fits));
  }
}

template <class Real>
std::variant<EigenSystem<Real>, EigenFailure> diagonalise(DistMatrix<Real> a) {
  NTKFLOW_EXPECTS(a.rows() == a.cols(), a.rows(), a.cols());
  const auto grid = a.grid();
  const Communicator& comm = grid->comm();
  const std::int64_t n = a.rows();
  check_eigen_size(n, a.block(), grid->shape());
  // With a NaN p?syevd prints library messages and leaves other eigenvalues on each rank.
  if (const std::int64_t row = first_not_finite_row(a); row != kNone) {
    return EigenFailure{0, row};
  }
  std::optional<DistMatrix<Real>> vectors;
  std::vector<Real> values;
  collectively(comm, [&] {
    vectors.emplace(grid, n, n, a.block());
    values.resize(static_cast<std::size_t>(n));
  });
  if (n == 0) {
    return EigenSystem<Real>{{}, std::move(*vectors)};
  }

  const auto desc = scalapack::describe(a);
  const auto syevd = [&](Real* work, int size, int* int_work, int int_size) {
    return scalapack::syevd('V', 'L', narrow<int>(n, "matrix rows"), a.local().data, desc,
                            values.data(), vectors->local().data, desc, work, size, int_work,
                            int_size);
  };
  Real work_query{};
  int int_work_query = 0;
  const int query_info = syevd(&work_query, -1, &int_work_query, -1);
  NTKFLOW_EXPECTS(query_info == 0, query_info);
  AlignedBuffer<Real> work;
  AlignedBuffer<int> int_work;
  collectively(comm, [&] {
    work = AlignedBuffer<Real>(workspace_size(eigen_workspace(n, a.block(), grid->shape()),
                                              static_cast<double>(work_query), "p?syevd"));
    int_work = AlignedBuffer<int>(workspace_size(integer_workspace(n, grid->shape()),
                                                 static_cast<double>(int_work_query), "p?syevd"));
  });
  const int info = syevd(work.data(), narrow<int>(work.size(), "workspace"), int_work.data(),
                         narrow<int>(int_work.size(), "workspace"));

  comm.broadcast(std::as_writable_bytes(std::span(values)), 0);
  const bool finite =
      std::all_of(values.begin(), values.end(), [](Real value) { return std::isfinite(value); });
  const auto largest_info = comm.max(std::int64_t{std::abs(info)});
  if (largest_info != 0 || !finite) {
    return EigenFailure{largest_info, -1};
  }
  return EigenSystem<Real>{{values.begin(), values.end()}, std::move(*vectors)};
}

template std::variant<EigenSystem<float>, EigenFailure> diagonalise(DistMatrix<float>);
template std::variant<EigenSystem<double>, EigenFailure> diagonalise(DistMatrix<double>);

}  // namespace ntkflow
