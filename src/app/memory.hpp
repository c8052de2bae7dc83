#pragma once

#include <cstdint>

#include <ntkflow/dist/communicator.hpp>

namespace ntkflow::app {

/// Memory that this process may still take: MemAvailable and the control group's limit, shared
/// evenly by `ranks_on_node`, and what its own limit on address space (ulimit -v) leaves. Local.
std::int64_t available_memory_per_rank(int ranks_on_node);

/// Memory that every rank may take, and who may take least.
struct AvailableMemory {
  std::int64_t bytes = 0;    ///< on the rank that has least
  std::int64_t largest = 0;  ///< on the rank that has most
  int rank = 0;              ///< the first that has least
  /// Whether one rank is clearly worse off than another: ranks on alike nodes are never quite
  /// equal.
  [[nodiscard]] bool differs() const { return bytes < largest - largest / 8; }
};

/// Collective over comm.
AvailableMemory least_available_memory(const Communicator& comm);

/// The most memory that this process has had resident so far. Local.
std::int64_t peak_resident_bytes();

}  // namespace ntkflow::app
