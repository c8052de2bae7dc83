#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ntkflow/config/run_config.hpp>
#include <ntkflow/data/dataset.hpp>
#include <ntkflow/dist/process_grid.hpp>

namespace ntkflow::app {

/// Memory of a rank beside all arrays: program, libraries, MPI's and BLAS's own buffers. A run on
/// 40 samples peaks at 36 MiB; the packing buffers of large products come on top.
inline constexpr std::int64_t kProgramBytes = std::int64_t{64} << 20;
/// Bound on the buffers of one round of gather_columns before writing a matrix, on each rank.
inline constexpr std::int64_t kGatherBytes = std::int64_t{64} << 20;
/// Bound on one replicated [N x columns] array of the trajectory; times are taken in batches that
/// respect it.
inline constexpr std::int64_t kTrajectoryBytes = std::int64_t{256} << 20;

/// Memory of one rank during one stage, array by array.
struct StageMemory {
  struct Item {
    std::string name;
    std::int64_t bytes = 0;
  };
  std::string stage;
  std::vector<Item> items;

  [[nodiscard]] std::int64_t bytes() const;
};

/// Work of one phase, over all ranks.
struct PhaseWork {
  std::string phase;
  double flop = 0.0;
  double bytes = 0.0;
  double efficiency =
      1.0;  ///< fraction of the matrix-product rate that the phase is taken to reach
};

/// What a run needs, computed from sizes alone.
struct Plan {
  DataShape shape;
  int ranks = 1;
  GridShape grid;
  std::int64_t block = 0;
  std::int64_t times_per_batch = 0;
  std::vector<StageMemory> stages;
  std::vector<PhaseWork> work;
  std::vector<std::string>
      broken_limits;  ///< 32-bit limits of ScaLAPACK that this rank count exceeds
  std::int64_t file_bytes = 0;

  [[nodiscard]] std::int64_t peak_bytes() const;
  [[nodiscard]] const StageMemory& peak_stage() const;
  [[nodiscard]] const PhaseWork& phase(const std::string& name) const;
};

/// Which commands' stages are planned: those of `run`, or the kernel matrices alone.
enum class PlannedCommand { run, gram };

/// Local. Throws ConfigError when the configured grid does not match `ranks`.
Plan make_plan(const RunConfig& config, const DataShape& shape, int ranks, PlannedCommand command);

/// The smallest number of ranks, with automatic grids, whose plan fits `bytes_per_rank` and breaks
/// no limit; 0 when none up to 2^20 does. Local.
int smallest_fitting_ranks(const RunConfig& config, const DataShape& shape,
                           std::int64_t bytes_per_rank, PlannedCommand command);

/// Memory that this process may still take: MemAvailable and the control group's limit, shared
/// evenly by `ranks_on_node`. Local.
std::int64_t available_memory_per_rank(int ranks_on_node);

/// The most memory that this process has had resident so far. Local.
std::int64_t peak_resident_bytes();

/// The plan as the text that `ntkflow plan` prints. @param rate  of the matrix product on one rank,
/// flop/s.
std::string describe(const Plan& plan, std::int64_t available_bytes, double rate);

/// Why the plan does not fit and what would, as one sentence; empty when it fits. Local.
std::string obstacle(const Plan& plan, const RunConfig& config, std::int64_t available_bytes,
                     PlannedCommand command);

}  // namespace ntkflow::app
