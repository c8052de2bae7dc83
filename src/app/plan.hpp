#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ntkflow/config/run_config.hpp>
#include <ntkflow/data/dataset.hpp>
#include <ntkflow/dist/process_grid.hpp>

#include "calibration.hpp"

namespace ntkflow::app {

/// Bound on the buffers of one round of gather_columns before writing a matrix, on each rank.
inline constexpr std::int64_t kGatherBytes = std::int64_t{64} << 20;
/// Bound on one replicated [N x columns] array of the trajectory; times are taken in batches that
/// respect it.
inline constexpr std::int64_t kTrajectoryBytes = std::int64_t{256} << 20;

/// Bound on this rank's part of one [N x points] array of [posterior], where blocks can be so
/// small.
inline constexpr std::int64_t kPointBlockBytes = std::int64_t{64} << 20;

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

/// Work of one phase, over all ranks, and the time it is predicted to take.
struct PhaseWork {
  std::string phase;
  double flop = 0.0;
  double bytes = 0.0;  ///< stored, read or written
  double seconds = 0.0;
  double repeats = 1.0;  ///< of what the phase does once or more often, as planned
};

/// A quantity that a library holds in 32 bits, on the rank where it is largest.
struct Limit {
  std::string name;
  std::int64_t value = 0;
  std::int64_t bound = 0;

  [[nodiscard]] bool holds() const { return value <= bound; }
};

/// What a run needs, computed from sizes alone.
struct Plan {
  DataShape shape;
  int ranks = 1;
  GridShape grid;
  std::int64_t block = 0;
  std::int64_t times_per_batch = 0;
  std::int64_t ridges_per_batch = 0;  ///< of a ridge path
  std::int64_t points_per_block = 0;  ///< test points that [posterior] takes at a time
  std::vector<StageMemory> stages;
  std::vector<PhaseWork> work;
  std::vector<Limit> limits;
  std::int64_t file_bytes = 0;

  [[nodiscard]] std::int64_t peak_bytes() const;
  [[nodiscard]] const StageMemory& peak_stage() const;
  [[nodiscard]] const PhaseWork& phase(const std::string& name) const;
  /// Predicted time of a phase; 0 for one that is not planned.
  [[nodiscard]] double seconds(const std::string& phase) const;
  [[nodiscard]] double total_seconds() const;
  /// The first limit that does not hold, or null.
  [[nodiscard]] const Limit* broken_limit() const;
  /// Whether a run with so much memory on each rank can work.
  [[nodiscard]] bool fits(std::int64_t bytes_per_rank) const;
};

/// Which commands' stages are planned: those of `run`, or the kernel matrices alone.
enum class PlannedCommand { run, gram };

/// Whether f_t comes from the eigenvectors of K.
bool is_spectral(const RunConfig& config);

/// Whether [dynamics] is computed by the Krylov method.
bool uses_krylov(const RunConfig& config);

/// Whether [spectrum] takes all eigenvectors, or leading eigenpairs from products.
bool has_full_spectrum(const RunConfig& config);
bool has_leading_spectrum(const RunConfig& config);
/// Whether K stays stored for products, beside its factor where there is one.
bool keeps_kernel(const RunConfig& config);
/// Whether the ridge is chosen from several with the eigenvectors of K.
bool has_spectral_path(const RunConfig& config);
/// Whether later stages have a use for these.
bool keeps_eigensystem(const RunConfig& config);

/// Whether [posterior] asks for a finite time but 0, and so for eigenvectors; else a factor does.
bool has_spectral_posterior(const RunConfig& config);
/// Whether these are the eigenvectors of K, and not of the other kernel of the same network.
bool posterior_follows_kernel(const RunConfig& config);
/// Whether they are those of K that other stages compute anyway.
bool posterior_shares_eigensystem(const RunConfig& config);

/// Throws ConfigError where the configuration asks for more than there are samples. Local.
void check_counts(const RunConfig& config, const DataShape& shape);

/// Plans a configuration without automatic precision or methods (see choose). Local. Throws
/// ConfigError when the configured grid does not match `ranks`.
Plan make_plan(const RunConfig& config, const DataShape& shape, int ranks, PlannedCommand command,
               const Calibration& rates);

}  // namespace ntkflow::app
