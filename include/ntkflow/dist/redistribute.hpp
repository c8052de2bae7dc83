#pragma once

#include <cstdint>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/dist/dist_matrix.hpp>

namespace ntkflow {

/// The whole matrix [rows x cols] on every rank; meant for tall, thin ones such as coefficients.
/// Collective over a.grid()->comm(); a rank that lacks memory is a failure of all.
template <class Real>
Matrix<double> replicate(const DistMatrix<Real>& a);

/// Whole columns of a block-cyclic matrix: of the columns [begin, end) each rank receives its
/// contiguous share (contiguous_share over the ranks of the grid), [rows x share]. A row of an HDF5
/// data set is such a column when the matrix is stored transposed or symmetric. Buffers: twice the
/// result. Collective over a.grid()->comm(); a rank that lacks memory, or whose counts exceed 32
/// bits, is a failure of all.
template <class Real>
Matrix<Real> gather_columns(const DistMatrix<Real>& a, std::int64_t begin, std::int64_t end);

/// The most columns that one call of gather_columns should move so that buffers stay below `bytes`
/// on each rank and counts below 2^31. Local.
template <class Real>
std::int64_t columns_per_round(const DistMatrix<Real>& a, std::int64_t bytes);

}  // namespace ntkflow
