#pragma once

#include <memory>

#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {

/// Rows and columns of a process grid.
struct GridShape {
  int rows = 1;
  int cols = 1;
  bool operator==(const GridShape&) const = default;
};

/// The grid used when the user names none: the most columns that keep a rank's row and column
/// slices balanced. A right-looking Cholesky factorisation is fastest on flat grids (its panel then
/// lies in one process column); see README, "Grid and block size", for the sweep behind this
/// choice. Local.
GridShape automatic_grid(int ranks);

/// All ranks of a communicator as a grid, rank r at row r / cols, column r % cols, with its BLACS
/// context. Every rank belongs to it: rows * cols must equal comm.size(). Held by
/// shared_ptr<const>, since matrices refer to it; destroyed before MPI is finalized.
class ProcessGrid {
 public:
  /// Collective over comm. Throws ConfigError when shape does not match the number of ranks.
  static std::shared_ptr<const ProcessGrid> create(const Communicator& comm, GridShape shape);

  ProcessGrid(const ProcessGrid&) = delete;
  ProcessGrid& operator=(const ProcessGrid&) = delete;
  ProcessGrid(ProcessGrid&&) = delete;
  ProcessGrid& operator=(ProcessGrid&&) = delete;
  /// Frees context, handle and communicator, unless MPI is finalized. Collective over comm().
  ~ProcessGrid();

  [[nodiscard]] const Communicator& comm() const noexcept { return comm_; }
  /// The ranks of this rank's grid row, in the order of their columns; likewise of its column.
  [[nodiscard]] const Communicator& row_comm() const noexcept { return row_comm_; }
  [[nodiscard]] const Communicator& col_comm() const noexcept { return col_comm_; }
  [[nodiscard]] GridShape shape() const noexcept { return shape_; }
  [[nodiscard]] int row() const noexcept { return row_; }
  [[nodiscard]] int col() const noexcept { return col_; }
  [[nodiscard]] int blacs_context() const noexcept { return context_; }

 private:
  ProcessGrid(const Communicator& comm, GridShape shape);

  GridShape shape_;
  Communicator comm_;
  int row_;
  int col_;
  Communicator row_comm_;
  Communicator col_comm_;
  int handle_ = -1;
  int context_ = -1;
};

}  // namespace ntkflow
