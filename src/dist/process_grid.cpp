#include "ntkflow/dist/process_grid.hpp"

#include <string>

#include <mpi.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

extern "C" {
int Csys2blacs_handle(MPI_Comm comm);
void Cfree_blacs_system_handle(int handle);
void Cblacs_gridinit(int* context, const char* order, int rows, int cols);
void Cblacs_gridinfo(int context, int* rows, int* cols, int* row, int* col);
void Cblacs_gridexit(int context);
}

namespace ntkflow {

GridShape automatic_grid(int ranks) {
  // The tallest grid with at least four times as many columns as rows: 1 x P up to P = 15.
  GridShape best{1, ranks};
  for (int rows = 2; 4 * rows * rows <= ranks; ++rows) {
    if (ranks % rows == 0) {
      best = {rows, ranks / rows};
    }
  }
  return best;
}

std::shared_ptr<const ProcessGrid> ProcessGrid::create(const Communicator& comm, GridShape shape) {
  // In 64 bits: a typing error in a configuration must not overflow.
  if (shape.rows < 1 || shape.cols < 1 ||
      static_cast<std::int64_t>(shape.rows) * shape.cols != comm.size()) {
    throw ConfigError("a grid of " + std::to_string(shape.rows) + " x " +
                      std::to_string(shape.cols) + " processes needs " +
                      std::to_string(static_cast<std::int64_t>(shape.rows) * shape.cols) +
                      " ranks, and " + std::to_string(comm.size()) +
                      " are running; set parallel.grid to \"auto\" or start as many ranks");
  }
  return std::shared_ptr<const ProcessGrid>(new ProcessGrid(comm, shape));
}

ProcessGrid::ProcessGrid(const Communicator& comm, GridShape shape)
    : shape_(shape),
      comm_(comm.duplicate()),
      row_(comm.rank() / shape.cols),
      col_(comm.rank() % shape.cols),
      row_comm_(comm_.split(row_)),
      col_comm_(comm_.split(col_)) {
  handle_ = Csys2blacs_handle(comm_.handle());
  context_ = handle_;
  Cblacs_gridinit(&context_, "Row", shape_.rows, shape_.cols);
  // BLACS numbers the ranks by itself; all our index maps assume that it does as we do.
  GridShape blacs_shape;
  int row = -1;
  int col = -1;
  Cblacs_gridinfo(context_, &blacs_shape.rows, &blacs_shape.cols, &row, &col);
  NTKFLOW_EXPECTS(blacs_shape == shape_ && row == row_ && col == col_, row, row_, col, col_);
}

ProcessGrid::~ProcessGrid() {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized == 0) {
    Cblacs_gridexit(context_);
    Cfree_blacs_system_handle(handle_);
  }
}

}  // namespace ntkflow
