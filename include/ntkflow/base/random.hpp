#pragma once

#include <cstdint>
#include <span>

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
  /// Standard normals first ... first + n - 1 of row i. They are other numbers than normal(i, j),
  /// and cheaper, because all four words of a block are used. Element e of row i is a function of
  /// the seed, the stream, i and e alone, however the row is cut. In float they are those in
  /// double, rounded.
  void normals(std::uint64_t i, std::uint64_t first, std::span<double> values) const;
  void normals(std::uint64_t i, std::uint64_t first, std::span<float> values) const;
  /// Raw 64 bits.
  [[nodiscard]] std::uint64_t bits(std::uint64_t i, std::uint64_t j = 0) const;

 private:
  std::uint64_t seed_;
  std::uint64_t stream_;
};

}  // namespace ntkflow
