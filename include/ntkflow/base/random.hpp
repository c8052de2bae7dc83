#pragma once

#include <cstdint>

namespace ntkflow {

/// Counter-based random numbers (Philox 4x64, Salmon et al., SC11 2011): element (i, j) of stream
/// `stream` under `seed` is a function of these four numbers alone, so that any rank can compute
/// any element and results do not depend on the number of ranks. Local.
class RandomStream {
 public:
  RandomStream(std::uint64_t seed, std::uint64_t stream) : seed_(seed), stream_(stream) {}

  /// Uniform in the open interval (0, 1).
  [[nodiscard]] double uniform(std::uint64_t i, std::uint64_t j = 0) const;
  /// Standard normal (Box-Muller).
  [[nodiscard]] double normal(std::uint64_t i, std::uint64_t j = 0) const;
  /// Raw 64 bits.
  [[nodiscard]] std::uint64_t bits(std::uint64_t i, std::uint64_t j = 0) const;

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
};

}  // namespace ntkflow
