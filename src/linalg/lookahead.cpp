#include "lookahead.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <mpi.h>

#include <ntkflow/base/aligned_buffer.hpp>
#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/narrow.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/local.hpp>

#include "blas_abi.hpp"
#include "copy_block.hpp"
#include "mpi_type.hpp"
#include "workspace.hpp"

namespace ntkflow {
namespace {

/// A product with more columns is cut, so that messages are looked after in between.
constexpr std::int64_t kPieceColumns = 2048;

/// Triangles up to this order go to trsm. OpenBLAS 0.3.21 solves with one of order 256 at half the
/// rate of a product in double; halved down to 32, most of the work is products.
constexpr std::int64_t kTriangle = 32;

/// Values before the panel in a message: the status word, padded so that the panel is aligned.
template <class Real>
constexpr std::int64_t kHeader = kAlignmentBytes / static_cast<std::int64_t>(sizeof(Real));

/// Status words of a panel: these, or the order within the panel of the minor that is not positive.
/// Orders are exact in single precision, since a block has fewer than 2^31 elements.
constexpr int kFactored = 0;
constexpr int kStopped = -1;

/// Values in the buffers of the neediest rank.
struct WorkspaceSizes {
  std::int64_t diagonal = 0;      ///< one
  std::int64_t row_panel = 0;     ///< two
  std::int64_t column_panel = 0;  ///< one, and one more to gather it where there are process rows
};

template <class Real>
WorkspaceSizes workspace_sizes(std::int64_t n, std::int64_t block, GridShape grid) {
  const std::int64_t width = std::min(n, block);
  const LocalSize below = largest_local_size(n - width, block, grid);  // the first panel
  return {kHeader<Real> + width * width, kHeader<Real> + below.rows * width, below.cols * width};
}

template <class Real>
std::int64_t workspace_bytes(std::int64_t n, std::int64_t block, GridShape grid) {
  const WorkspaceSizes sizes = workspace_sizes<Real>(n, block, grid);
  const int column_panels = grid.rows > 1 ? 2 : 1;
  return (sizes.diagonal + 2 * sizes.row_panel + column_panels * sizes.column_panel) *
         static_cast<std::int64_t>(sizeof(Real));
}

int stride(std::int64_t ld) {
  return narrow<int>(std::max<std::int64_t>(1, ld), "column stride");
}

/// B becomes B L^-T, L lower triangular. Local.
template <class Real>
void divide_by_transposed(MatrixView<const Real> l, MatrixView<Real> b) {
  if (l.cols <= kTriangle) {
    blas::trsm('R', 'L', 'T', 'N', narrow<int>(b.rows, "panel rows"),
               narrow<int>(b.cols, "panel columns"), Real{1}, l.data, stride(l.ld), b.data,
               stride(b.ld));
    return;
  }
  const std::int64_t half = (l.cols / 2 + kTriangle - 1) / kTriangle * kTriangle;
  const std::int64_t rest = l.cols - half;
  const auto left = b.block(0, 0, b.rows, half);
  const auto right = b.block(0, half, b.rows, rest);
  divide_by_transposed(l.block(0, 0, half, half), left);
  multiply<Real>(Transpose::no, Transpose::yes, Real{-1}, left, l.block(half, 0, rest, half),
                 Real{1}, right);
  divide_by_transposed(l.block(half, half, rest, rest), right);
}

/// Factors a diagonal block. LAPACK's libraries take a NaN for a positive pivot and go on. Returns
/// the status word. Local.
template <class Real>
int factor_diagonal_block(MatrixView<Real> block) {
  const int info =
      blas::potrf('L', narrow<int>(block.cols, "panel columns"), block.data, stride(block.ld));
  const std::int64_t factored = info > 0 ? info - 1 : block.cols;
  for (std::int64_t i = 0; i < factored; ++i) {
    if (!std::isfinite(block(i, i))) {
      return narrow<int>(i + 1, "panel columns");
    }
  }
  return info > 0 ? info : kFactored;
}

/// One factorisation. Panel k is the block column k of the matrix; "its column" is the process
/// column that stores it.
template <class Real>
class Lookahead {
 public:
  Lookahead(DistMatrix<Real>& a, Monitor& monitor)
      : a_(a),
        monitor_(monitor),
        grid_(*a.grid()),
        rows_(a.row_map()),
        cols_(a.col_map()),
        local_(a.local()),
        n_(a.rows()),
        panels_((n_ + a.block() - 1) / a.block()),
        counts_(static_cast<std::size_t>(grid_.shape().rows)),
        offsets_(static_cast<std::size_t>(grid_.shape().rows)) {
    const WorkspaceSizes sizes = workspace_sizes<Real>(n_, a.block(), grid_.shape());
    collectively(grid_.comm(), [&] {
      narrow<int>(std::max(sizes.row_panel, sizes.column_panel), "values of a panel");
      diagonal_ = AlignedBuffer<Real>::zeroed(sizes.diagonal);
      for (RowPanel& panel : row_panels_) {
        panel.message = AlignedBuffer<Real>::zeroed(sizes.row_panel);
      }
      column_panel_ = AlignedBuffer<Real>::zeroed(sizes.column_panel);
      if (grid_.shape().rows > 1) {
        gathered_ = AlignedBuffer<Real>::zeroed(sizes.column_panel);
      }
    });
  }

  std::int64_t run() {
    if (panels_ == 0) {
      return 0;
    }
    if (is_in_my_column(0)) {
      factor_panel(0);
    }
    start_exchange(0);
    finish_exchange(0);
    for (std::int64_t k = 0; k < panels_; ++k) {
      if (const std::int64_t status = status_of(k); status != kFactored) {
        finish_sends();
        if (status == kStopped) {
          throw InterruptedError(interruption(k));
        }
        return begin(k) + status;
      }
      const bool has_next = k + 1 < panels_;
      std::int64_t first = first_column_after(k);
      if (has_next) {
        wait(row_panel(k + 1).request);  // sent two panels ago, its buffer is used again
        if (is_in_my_column(k + 1)) {
          update(k, first, first + width(k + 1));
          first += width(k + 1);
          factor_panel(k + 1);
        }
        start_exchange(k + 1);
      }
      update(k, first, local_.cols);
      if (has_next) {
        finish_exchange(k + 1);
      }
      report_progress(begin(k + 1));
    }
    finish_sends();
    return 0;
  }

 private:
  /// The rows of a panel below its diagonal block that this process row stores, as received from
  /// the panel's column: status word, padding, then [rows_below(k) x width(k)].
  struct RowPanel {
    AlignedBuffer<Real> message;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  /// Where the panel under way is. Its columns are gathered only where there are process rows.
  enum class Exchange { broadcasting, gathering, arrived };

  // Geometry of panel k.
  [[nodiscard]] std::int64_t begin(std::int64_t k) const { return std::min(k * a_.block(), n_); }
  [[nodiscard]] std::int64_t width(std::int64_t k) const { return begin(k + 1) - begin(k); }
  [[nodiscard]] std::int64_t first_row_after(std::int64_t k) const {
    return rows_.local_count_below({begin(k + 1)});
  }
  [[nodiscard]] std::int64_t first_column_after(std::int64_t k) const {
    return cols_.local_count_below({begin(k + 1)});
  }
  [[nodiscard]] std::int64_t rows_below(std::int64_t k) const {
    return local_.rows - first_row_after(k);
  }
  [[nodiscard]] bool is_in_my_column(std::int64_t k) const { return cols_.is_mine({begin(k)}); }
  /// Order of the block that begins at a global index.
  [[nodiscard]] std::int64_t block_size(GlobalIndex g) const {
    return std::min(a_.block(), n_ - g.value);
  }

  RowPanel& row_panel(std::int64_t k) { return row_panels_[static_cast<std::size_t>(k % 2)]; }
  std::int64_t status_of(std::int64_t k) {
    return static_cast<std::int64_t>(row_panel(k).message[0]);
  }
  MatrixView<Real> row_panel_view(std::int64_t k) {
    return {row_panel(k).message.data() + kHeader<Real>, rows_below(k), width(k)};
  }

  /// Factors panel k, which all earlier panels have been applied to, and packs its rows. Collective
  /// over the panel's column.
  void factor_panel(std::int64_t k) {
    const GlobalIndex g{begin(k)};
    const std::int64_t columns = cols_.to_local(g).value;
    const MatrixView<Real> diagonal(diagonal_.data() + kHeader<Real>, width(k), width(k));
    if (rows_.is_mine(g)) {
      const auto block = local_.block(rows_.to_local(g).value, columns, width(k), width(k));
      const int status = monitor_.stop_requested() ? kStopped : factor_diagonal_block(block);
      diagonal_[0] = static_cast<Real>(status);
      copy_block(block, diagonal);
    }
    grid_.col_comm().broadcast(
        std::as_writable_bytes(std::span(
            diagonal_.data(), static_cast<std::size_t>(kHeader<Real> + width(k) * width(k)))),
        rows_.owner(g));
    row_panel(k).message[0] = diagonal_[0];
    if (status_of(k) == kFactored) {
      const auto below = local_.block(first_row_after(k), columns, rows_below(k), width(k));
      divide_by_transposed<Real>(diagonal, below);
      copy_block(below, row_panel_view(k));
    }
  }

  /// Sends panel k from its column along the process rows. Collective over the grid, which may do
  /// other work until finish_exchange(k).
  void start_exchange(std::int64_t k) {
    RowPanel& panel = row_panel(k);
    const std::int64_t values = kHeader<Real> + rows_below(k) * width(k);
    check_mpi(
        MPI_Ibcast(panel.message.data(), narrow<int>(values, "values of a panel"), mpi_type<Real>(),
                   cols_.owner({begin(k)}), grid_.row_comm().handle(), &panel.request),
        "MPI_Ibcast");
    arriving_ = k;
    exchange_ = Exchange::broadcasting;
    if (is_in_my_column(k)) {
      start_gathering();
    }
  }

  /// Lets messages advance between two pieces of other work. Local.
  void poll() {
    for (RowPanel& panel : row_panels_) {
      test(panel.request);
    }
    if (exchange_ == Exchange::broadcasting && row_panel(arriving_).request == MPI_REQUEST_NULL) {
      start_gathering();
    } else if (exchange_ == Exchange::gathering && test(gathering_)) {
      exchange_ = Exchange::arrived;
    }
  }

  /// Ends with the status word of panel k on all ranks, and if it says so with the rows and columns
  /// of the panel that this rank needs.
  void finish_exchange(std::int64_t k) {
    if (exchange_ == Exchange::broadcasting) {
      wait(row_panel(k).request);
      start_gathering();
    }
    if (exchange_ == Exchange::gathering) {
      wait(gathering_);
      exchange_ = Exchange::arrived;
    }
    if (status_of(k) == kFactored) {
      fill_column_panel(k);
    }
  }

  void finish_sends() {
    for (RowPanel& panel : row_panels_) {
      wait(panel.request);
    }
  }

  /// Collects, over the process column, the rows of the arriving panel that belong to this column's
  /// columns of the matrix: those of each process row in turn.
  void start_gathering() {
    exchange_ = Exchange::arrived;
    if (grid_.shape().rows == 1 || status_of(arriving_) != kFactored) {
      return;
    }
    std::fill(counts_.begin(), counts_.end(), 0);
    for_each_column_block(arriving_, [&](GlobalIndex g, std::int64_t) {
      counts_[process_row(g)] += narrow<int>(block_size(g) * width(arriving_), "values of a panel");
    });
    std::exclusive_scan(counts_.begin(), counts_.end(), offsets_.begin(), 0);
    pack_my_columns(arriving_, gathered_from(static_cast<std::size_t>(grid_.row())));
    check_mpi(
        MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, gathered_.data(), counts_.data(),
                        offsets_.data(), mpi_type<Real>(), grid_.col_comm().handle(), &gathering_),
        "MPI_Iallgatherv");
    exchange_ = Exchange::gathering;
  }

  /// What process row `row` has of the arriving panel for this rank's columns.
  [[nodiscard]] MatrixView<Real> gathered_from(std::size_t row) const {
    return {gathered_.data() + offsets_[row], counts_[row] / width(arriving_), width(arriving_)};
  }

  /// The rows of panel k that this rank has and that belong to its columns.
  void pack_my_columns(std::int64_t k, MatrixView<Real> to) {
    const MatrixView<const Real> panel = row_panel_view(k);
    const std::int64_t first = first_row_after(k);
    std::int64_t packed = 0;
    for (std::int64_t i_loc = first; i_loc < local_.rows; i_loc += a_.block()) {
      const GlobalIndex g = rows_.to_global({i_loc});
      if (cols_.is_mine(g)) {
        const std::int64_t size = block_size(g);
        copy_block(panel.block(i_loc - first, 0, size, width(k)),
                   to.block(packed, 0, size, width(k)));
        packed += size;
      }
    }
  }

  /// column_panel_ becomes the rows of panel k that belong to this rank's columns after it.
  void fill_column_panel(std::int64_t k) {
    const MatrixView<Real> panel = column_panel(k);
    if (grid_.shape().rows == 1) {
      pack_my_columns(k, panel);
      return;
    }
    std::vector<std::int64_t> taken(counts_.size(), 0);
    for_each_column_block(k, [&](GlobalIndex g, std::int64_t position) {
      const std::int64_t size = block_size(g);
      std::int64_t& from = taken[process_row(g)];
      copy_block(gathered_from(process_row(g)).block(from, 0, size, width(k)),
                 panel.block(position, 0, size, width(k)));
      from += size;
    });
  }

  /// Calls visit(g, position) for the block columns after panel k that this rank stores: the first
  /// global index, and how many of this rank's columns after the panel come before it.
  template <class Visit>
  void for_each_column_block(std::int64_t k, Visit&& visit) const {
    const std::int64_t first = first_column_after(k);
    for (std::int64_t j_loc = first; j_loc < local_.cols; j_loc += a_.block()) {
      visit(cols_.to_global({j_loc}), j_loc - first);
    }
  }
  [[nodiscard]] std::size_t process_row(GlobalIndex g) const {
    return static_cast<std::size_t>(rows_.owner(g));
  }

  /// Subtracts the product of panel k with its transpose from the local columns [col, col_end), on
  /// and below the diagonal. Local.
  void update(std::int64_t k, std::int64_t col, std::int64_t col_end) {
    if (col < col_end) {
      update_triangle(k, col, col_end, local_.rows);
    }
  }

  /// The same for the rows above row_end. The stored part of a triangle is a staircase whose steps
  /// depend on the grid; halving it makes almost all of it large rectangles.
  void update_triangle(std::int64_t k, std::int64_t col, std::int64_t col_end,
                       std::int64_t row_end) {
    const GlobalIndex g = cols_.to_global({col});
    if (col_end - col > a_.block()) {
      const std::int64_t blocks = (col_end - col) / a_.block();
      const std::int64_t middle = col + (blocks + 1) / 2 * a_.block();
      const std::int64_t middle_row = rows_.local_count_below(cols_.to_global({middle}));
      update_triangle(k, col, middle, middle_row);
      update_rectangle(k, middle_row, row_end, col, middle);
      update_triangle(k, middle, col_end, row_end);
      return;
    }
    std::int64_t row = rows_.local_count_below(g);
    if (rows_.is_mine(g)) {
      const auto block = local_.block(row, col, col_end - col, col_end - col);
      const auto panel = column_panel(k, col, col_end);
      blas::syrk('L', 'N', narrow<int>(block.cols, "matrix columns"),
                 narrow<int>(panel.cols, "panel columns"), Real{-1}, panel.data, stride(panel.ld),
                 Real{1}, block.data, stride(block.ld));
      row += block.rows;
    }
    update_rectangle(k, row, row_end, col, col_end);
  }

  void update_rectangle(std::int64_t k, std::int64_t row, std::int64_t row_end, std::int64_t col,
                        std::int64_t col_end) {
    if (row >= row_end) {
      return;
    }
    const MatrixView<const Real> left =
        row_panel_view(k).block(row - first_row_after(k), 0, row_end - row, width(k));
    for (std::int64_t begin = col; begin < col_end; begin += kPieceColumns) {
      const std::int64_t end = std::min(begin + kPieceColumns, col_end);
      multiply<Real>(Transpose::no, Transpose::yes, Real{-1}, left, column_panel(k, begin, end),
                     Real{1}, local_.block(row, begin, row_end - row, end - begin));
      poll();
    }
  }

  [[nodiscard]] MatrixView<Real> column_panel(std::int64_t k) const {
    return {column_panel_.data(), local_.cols - first_column_after(k), width(k)};
  }
  /// The rows of panel k that belong to the local columns [col, col_end).
  [[nodiscard]] MatrixView<const Real> column_panel(std::int64_t k, std::int64_t col,
                                                    std::int64_t col_end) const {
    return column_panel(k).block(col - first_column_after(k), 0, col_end - col, width(k));
  }

  void report_progress(std::int64_t columns) {
    constexpr std::int64_t kTotal = 1'000'000;
    const double left = static_cast<double>(n_ - columns) / static_cast<double>(n_);
    monitor_.progress(std::llround(static_cast<double>(kTotal) * (1.0 - left * left * left)),
                      kTotal);
  }

  [[nodiscard]] std::string interruption(std::int64_t k) const {
    return "the Cholesky factorisation was stopped on request after " + std::to_string(begin(k)) +
           " of " + std::to_string(n_) + " columns";
  }

  static bool test(MPI_Request& request) {
    int done = 0;
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  }
  static void wait(MPI_Request& request) {
    check_mpi(MPI_Wait(&request, MPI_STATUS_IGNORE), "MPI_Wait");
  }

  DistMatrix<Real>& a_;
  Monitor& monitor_;
  const ProcessGrid& grid_;
  const BlockCyclic& rows_;
  const BlockCyclic& cols_;
  MatrixView<Real> local_;
  std::int64_t n_;
  std::int64_t panels_;

  AlignedBuffer<Real> diagonal_;        ///< status word, padding, the diagonal block of a panel
  std::array<RowPanel, 2> row_panels_;  ///< of panel k at k % 2
  AlignedBuffer<Real> column_panel_;
  AlignedBuffer<Real> gathered_;  ///< the next column panel, in the order of the process rows
  std::vector<int> counts_;
  std::vector<int> offsets_;
  MPI_Request gathering_ = MPI_REQUEST_NULL;
  std::int64_t arriving_ = 0;
  Exchange exchange_ = Exchange::arrived;
};

}  // namespace

std::int64_t lookahead_workspace_bytes(std::int64_t n, std::int64_t block, GridShape grid,
                                       std::int64_t real_bytes) {
  NTKFLOW_EXPECTS(real_bytes == sizeof(float) || real_bytes == sizeof(double), real_bytes);
  return real_bytes == sizeof(float) ? workspace_bytes<float>(n, block, grid)
                                     : workspace_bytes<double>(n, block, grid);
}

template <class Real>
std::int64_t factor_lookahead(DistMatrix<Real>& a, Monitor& monitor) {
  return Lookahead<Real>(a, monitor).run();
}

template std::int64_t factor_lookahead(DistMatrix<float>&, Monitor&);
template std::int64_t factor_lookahead(DistMatrix<double>&, Monitor&);

}  // namespace ntkflow
