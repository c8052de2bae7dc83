#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include <mpi.h>

#include <ntkflow/base/aligned_buffer.hpp>
#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/collectively.hpp>

#include "copy_block.hpp"
#include "mpi_type.hpp"
#include "ntkflow/linalg/stored_symmetric.hpp"

// By our own messages, since p?tran spends its time in copies of single rows with a stride.
namespace ntkflow {
namespace {

/// Rows and columns transposed together: each of their cache lines is read and written whole.
constexpr std::int64_t kTile = 16;

/// to = from^T. Local.
template <class Real>
void transpose_into(MatrixView<const Real> from, MatrixView<Real> to) {
#pragma omp parallel for schedule(static)
  for (std::int64_t col = 0; col < from.cols; col += kTile) {
    const std::int64_t col_end = std::min(col + kTile, from.cols);
    for (std::int64_t row = 0; row < from.rows; row += kTile) {
      const std::int64_t row_end = std::min(row + kTile, from.rows);
      for (std::int64_t i = row; i < row_end; ++i) {
        for (std::int64_t j = col; j < col_end; ++j) {
          to.data[j + i * to.ld] = from.data[i + j * from.ld];
        }
      }
    }
  }
}

/// Where the elements go that one MPI_Alltoallv moves.
struct Messages {
  std::vector<int> counts;
  std::vector<int> offsets;

  explicit Messages(const std::vector<std::int64_t>& elements) {
    std::int64_t total = 0;
    for (const std::int64_t count : elements) {
      counts.push_back(narrow<int>(count, "matrix elements exchanged with one rank"));
      offsets.push_back(narrow<int>(total, "matrix elements exchanged with all ranks"));
      total += count;
    }
  }
  [[nodiscard]] std::int64_t total() const { return std::int64_t{offsets.back()} + counts.back(); }
};

template <class Real>
void grow(AlignedBuffer<Real>& buffer, std::int64_t size) {
  if (buffer.size() < size) {
    buffer = AlignedBuffer<Real>::zeroed(size);
  }
}

/// A square matrix by blocks (i, j), whose indices count blocks.
template <class Real>
class Blocks {
 public:
  explicit Blocks(DistMatrix<Real>& a) : a_(&a) {}

  [[nodiscard]] std::int64_t count() const { return (a_->rows() + a_->block() - 1) / a_->block(); }
  [[nodiscard]] std::int64_t size(std::int64_t i) const {
    return std::min(a_->block(), a_->rows() - i * a_->block());
  }
  [[nodiscard]] int owner(std::int64_t i, std::int64_t j) const {
    return a_->row_map().owner({i * a_->block()}) * a_->grid()->shape().cols +
           a_->col_map().owner({j * a_->block()});
  }
  [[nodiscard]] MatrixView<Real> local(std::int64_t i, std::int64_t j) const {
    return a_->local().block(a_->row_map().to_local({i * a_->block()}).value,
                             a_->col_map().to_local({j * a_->block()}).value, size(i), size(j));
  }

 private:
  DistMatrix<Real>* a_;
};

}  // namespace

template <class Real>
void mirror_lower(DistMatrix<Real>& a) {
  NTKFLOW_EXPECTS(a.rows() == a.cols(), a.rows(), a.cols());
  const Communicator& comm = a.grid()->comm();
  const int me = comm.rank();
  const auto ranks = static_cast<std::size_t>(comm.size());
  const Blocks<Real> blocks(a);
  for (std::int64_t i = 0; i < blocks.count(); ++i) {
    if (blocks.owner(i, i) == me) {
      const MatrixView<Real> diagonal = blocks.local(i, i);
      for (std::int64_t col = 0; col < diagonal.cols; ++col) {
        for (std::int64_t row = 0; row < col; ++row) {
          diagonal(row, col) = diagonal(col, row);
        }
      }
    }
  }
  // As many block columns at a time as the grid has, so that every rank sends of one of them.
  const std::int64_t strip = a.grid()->shape().cols;
  AlignedBuffer<Real> sent_values;
  AlignedBuffer<Real> received_values;
  for (std::int64_t first = 0; first < blocks.count(); first += strip) {
    // Calls visit(i, j, source, target) for block (i, j) of `source` that becomes (j, i) of
    // `target`. All of one source in the strip lie in one column j, so both ranks meet them in the
    // same order.
    const auto for_each_block = [&](auto&& visit) {
      for (std::int64_t j = first; j < std::min(first + strip, blocks.count()); ++j) {
        for (std::int64_t i = j + 1; i < blocks.count(); ++i) {
          visit(i, j, blocks.owner(i, j), blocks.owner(j, i));
        }
      }
    };
    std::vector<std::int64_t> sent_elements(ranks, 0);
    std::vector<std::int64_t> received_elements(ranks, 0);
    for_each_block([&](std::int64_t i, std::int64_t j, int source, int target) {
      const std::int64_t elements = blocks.size(i) * blocks.size(j);
      if (source != target) {
        sent_elements[static_cast<std::size_t>(target)] += source == me ? elements : 0;
        received_elements[static_cast<std::size_t>(source)] += target == me ? elements : 0;
      }
    });
    std::optional<Messages> sent;
    std::optional<Messages> received;
    collectively(comm, [&] {
      sent.emplace(sent_elements);
      received.emplace(received_elements);
      grow(sent_values, sent->total());
      grow(received_values, received->total());
    });
    std::vector<int> next = sent->offsets;
    for_each_block([&](std::int64_t i, std::int64_t j, int source, int target) {
      if (source == me && target == me) {
        transpose_into<Real>(blocks.local(i, j), blocks.local(j, i));
      } else if (source == me) {
        int& offset = next[static_cast<std::size_t>(target)];
        const MatrixView<Real> block = blocks.local(i, j);
        transpose_into<Real>(block, {sent_values.data() + offset, block.cols, block.rows});
        offset += static_cast<int>(block.rows * block.cols);
      }
    });
    const MPI_Datatype type = mpi_type<Real>();
    check_mpi(MPI_Alltoallv(sent_values.data(), sent->counts.data(), sent->offsets.data(), type,
                            received_values.data(), received->counts.data(),
                            received->offsets.data(), type, comm.handle()),
              "MPI_Alltoallv");
    next = received->offsets;
    for_each_block([&](std::int64_t i, std::int64_t j, int source, int target) {
      if (target == me && source != me) {
        int& offset = next[static_cast<std::size_t>(source)];
        const MatrixView<Real> block = blocks.local(j, i);
        copy_block({received_values.data() + offset, block.rows, block.cols}, block);
        offset += static_cast<int>(block.rows * block.cols);
      }
    });
  }
}

template void mirror_lower(DistMatrix<float>&);
template void mirror_lower(DistMatrix<double>&);

}  // namespace ntkflow
