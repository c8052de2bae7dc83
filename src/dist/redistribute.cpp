#include "ntkflow/dist/redistribute.hpp"

#include <algorithm>
#include <span>
#include <type_traits>
#include <vector>

#include <mpi.h>

#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/collectively.hpp>

namespace ntkflow {

template <class Real>
Matrix<double> replicate(const DistMatrix<Real>& a) {
  Matrix<double> whole;
  collectively(a.grid()->comm(), [&] {
    whole = Matrix<double>(a.rows(), a.cols());
    const auto local = a.local();
    for (std::int64_t j_loc = 0; j_loc < local.cols; ++j_loc) {
      double* column = whole.column(a.col_map().to_global({j_loc}).value);
      for (std::int64_t i_loc = 0; i_loc < local.rows; ++i_loc) {
        column[a.row_map().to_global({i_loc}).value] = static_cast<double>(local(i_loc, j_loc));
      }
    }
  });
  a.grid()->comm().sum(std::span(whole.data(), static_cast<std::size_t>(whole.size())));
  return whole;
}

template <class Real>
Matrix<Real> gather_columns(const DistMatrix<Real>& a, std::int64_t begin, std::int64_t end) {
  NTKFLOW_EXPECTS(0 <= begin && begin <= end && end <= a.cols(), begin, end, a.cols());
  const ProcessGrid& grid = *a.grid();
  const int ranks = grid.comm().size();
  const MPI_Datatype type = std::is_same_v<Real, float> ? MPI_FLOAT : MPI_DOUBLE;
  const auto share_of = [&](int rank) {
    const Share share = contiguous_share(end - begin, ranks, rank);
    return Share{begin + share.begin, begin + share.end};
  };

  // What goes to rank r: my rows of those of its columns that I store, which are a range of my
  // local columns.
  std::vector<int> send_counts;
  std::vector<int> send_offsets;
  std::vector<int> receive_counts;
  std::vector<int> receive_offsets;
  AlignedBuffer<Real> buffer;
  Matrix<Real> columns;
  const Share mine = share_of(grid.comm().rank());
  const std::int64_t first_col = a.col_map().local_count_below({begin});
  // Counts and memory differ over the ranks, so one may fail at them and others not.
  collectively(grid.comm(), [&] {
    for (auto* counts : {&send_counts, &send_offsets, &receive_counts, &receive_offsets}) {
      counts->resize(static_cast<std::size_t>(ranks));
    }
    std::int64_t sent = 0;
    std::int64_t received = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const auto r = static_cast<std::size_t>(rank);
      const Share theirs = share_of(rank);
      const std::int64_t send_cols = a.col_map().local_count_below({theirs.end}) -
                                     a.col_map().local_count_below({theirs.begin});
      const BlockCyclic row_map = a.row_map().at(rank / grid.shape().cols);
      const BlockCyclic col_map = a.col_map().at(rank % grid.shape().cols);
      const std::int64_t receive_cols =
          col_map.local_count_below({mine.end}) - col_map.local_count_below({mine.begin});
      send_counts[r] = narrow<int>(send_cols * a.local_rows(), "elements sent to one rank");
      receive_counts[r] =
          narrow<int>(receive_cols * row_map.local_size(), "elements received from one rank");
      send_offsets[r] = narrow<int>(sent, "elements sent");
      receive_offsets[r] = narrow<int>(received, "elements received");
      sent += send_counts[r];
      received += receive_counts[r];
    }
    buffer = AlignedBuffer<Real>(received);
    columns = Matrix<Real>(a.rows(), mine.size());
  });
  // Local columns are contiguous in memory and ascend with the receiving rank, so nothing needs
  // packing.
  const auto local = a.local();
  check_mpi(MPI_Alltoallv(local.data + first_col * local.ld, send_counts.data(),
                          send_offsets.data(), type, buffer.data(), receive_counts.data(),
                          receive_offsets.data(), type, grid.comm().handle()),
            "MPI_Alltoallv");

  for (int rank = 0; rank < ranks; ++rank) {
    const BlockCyclic row_map = a.row_map().at(rank / grid.shape().cols);
    const BlockCyclic col_map = a.col_map().at(rank % grid.shape().cols);
    const Real* from = buffer.data() + receive_offsets[static_cast<std::size_t>(rank)];
    const std::int64_t rows_there = row_map.local_size();
    for (std::int64_t j_loc = col_map.local_count_below({mine.begin});
         j_loc < col_map.local_count_below({mine.end}); ++j_loc) {
      Real* to = columns.column(col_map.to_global({j_loc}).value - mine.begin);
      for (std::int64_t i_loc = 0; i_loc < rows_there; i_loc += row_map.block()) {
        const std::int64_t length = std::min(row_map.block(), rows_there - i_loc);
        std::copy_n(from + i_loc, length, to + row_map.to_global({i_loc}).value);
      }
      from += rows_there;
    }
  }
  return columns;
}

template <class Real>
std::int64_t columns_per_round(const DistMatrix<Real>& a, std::int64_t bytes) {
  const std::int64_t ranks = a.grid()->comm().size();
  const std::int64_t column_bytes =
      std::max<std::int64_t>(1, a.rows() * static_cast<std::int64_t>(sizeof(Real)));
  return std::max<std::int64_t>(1, std::min(bytes, std::int64_t{1} << 30) / (2 * column_bytes)) *
         ranks;
}

template Matrix<double> replicate(const DistMatrix<float>&);
template Matrix<double> replicate(const DistMatrix<double>&);
template Matrix<float> gather_columns(const DistMatrix<float>&, std::int64_t, std::int64_t);
template Matrix<double> gather_columns(const DistMatrix<double>&, std::int64_t, std::int64_t);
template std::int64_t columns_per_round(const DistMatrix<float>&, std::int64_t);
template std::int64_t columns_per_round(const DistMatrix<double>&, std::int64_t);

}  // namespace ntkflow
