#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include <ntkflow/base/matrix_view.hpp>

namespace ntkflow::bench {

/// Reads of this rank's part of a matrix, which should fit into no cache.
template <class Real>
class MemoryRead {
 public:
  explicit MemoryRead(MatrixView<const Real> memory) : memory_(memory) {}

  /// Reads all of it and returns a sum, which keeps the reads from being left out. Local.
  Real run() const {
    const std::int64_t chunks = memory_.rows * memory_.cols / kLanes;
    Real total = 0;
#pragma omp parallel for schedule(static) reduction(+ : total)
    for (std::int64_t chunk = 0; chunk < chunks; chunk += kChunks) {
      std::array<Real, kLanes> sums{};
      for (std::int64_t i = chunk; i < std::min(chunk + kChunks, chunks); ++i) {
        for (std::int64_t lane = 0; lane < kLanes; ++lane) {
          sums[static_cast<std::size_t>(lane)] += memory_.data[i * kLanes + lane];
        }
      }
      for (const Real sum : sums) {
        total += sum;
      }
    }
    return total;
  }

 private:
  static constexpr std::int64_t kLanes = 64;
  static constexpr std::int64_t kChunks = 4096;

  MatrixView<const Real> memory_;
};

}  // namespace ntkflow::bench
