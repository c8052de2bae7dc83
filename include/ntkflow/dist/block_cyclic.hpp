#pragma once

#include <algorithm>
#include <cstdint>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/index.hpp>

namespace ntkflow {

/// One dimension of ScaLAPACK's two-dimensional block-cyclic distribution: `size` indices in blocks
/// of `block`, dealt in turn to `processes` processes, block 0 on process `source`. Arithmetic
/// only, no MPI. Ref: Blackford et al., ScaLAPACK Users' Guide (1997), section 4.3.
class BlockCyclic {
 public:
  BlockCyclic() = default;
  constexpr BlockCyclic(std::int64_t size, std::int64_t block, int processes, int coordinate,
                        int source = 0)
      : size_(size),
        block_(block),
        processes_(processes),
        coordinate_(coordinate),
        source_(source) {
    NTKFLOW_EXPECTS(size >= 0 && block >= 1 && processes >= 1, size, block, processes);
    NTKFLOW_EXPECTS(coordinate >= 0 && coordinate < processes && source >= 0 && source < processes,
                    coordinate, source, processes);
  }

  [[nodiscard]] constexpr std::int64_t size() const { return size_; }
  [[nodiscard]] constexpr std::int64_t block() const { return block_; }
  [[nodiscard]] constexpr int processes() const { return processes_; }
  [[nodiscard]] constexpr int coordinate() const { return coordinate_; }
  [[nodiscard]] constexpr int source() const { return source_; }

  /// Number of indices that this process stores.
  [[nodiscard]] constexpr std::int64_t local_size() const { return local_count_below({size_}); }

  /// Number of this process's indices below `g`, which is also the local position of the first of
  /// them at or after `g`.
  [[nodiscard]] constexpr std::int64_t local_count_below(GlobalIndex g) const {
    const std::int64_t blocks = g.value / block_;
    const std::int64_t cycle = blocks / processes_;
    const std::int64_t turn = blocks % processes_;
    const std::int64_t mine = (coordinate_ - source_ + processes_) % processes_;
    std::int64_t count = cycle * block_;
    if (mine < turn) {
      count += block_;
    } else if (mine == turn) {
      count += g.value % block_;
    }
    return count;
  }

  /// The process that stores global index `g`.
  [[nodiscard]] constexpr int owner(GlobalIndex g) const {
    return static_cast<int>((g.value / block_ + source_) % processes_);
  }
  [[nodiscard]] constexpr bool is_mine(GlobalIndex g) const { return owner(g) == coordinate_; }

  /// Local position of `g` on its owner.
  [[nodiscard]] constexpr LocalIndex to_local(GlobalIndex g) const {
    return {g.value / (block_ * processes_) * block_ + g.value % block_};
  }
  /// Global index of this process's local position `l`.
  [[nodiscard]] constexpr GlobalIndex to_global(LocalIndex l) const {
    const std::int64_t mine = (coordinate_ - source_ + processes_) % processes_;
    return {(l.value / block_ * processes_ + mine) * block_ + l.value % block_};
  }
  /// The same distribution seen by another process.
  [[nodiscard]] constexpr BlockCyclic at(int coordinate) const {
    return {size_, block_, processes_, coordinate, source_};
  }

 private:
  std::int64_t size_ = 0;
  std::int64_t block_ = 1;
  int processes_ = 1;
  int coordinate_ = 0;
  int source_ = 0;
};

/// Contiguous, nearly equal shares of `size` indices: share `part` of `parts` is [begin, end).
struct Share {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  [[nodiscard]] constexpr std::int64_t size() const { return end - begin; }
};
constexpr Share contiguous_share(std::int64_t size, int parts, int part) {
  const std::int64_t base = size / parts;
  const std::int64_t extra = size % parts;
  const std::int64_t begin = part * base + std::min<std::int64_t>(part, extra);
  return {begin, begin + base + (part < extra ? 1 : 0)};
}

}  // namespace ntkflow
