#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <mpi.h>

namespace ntkflow {

/// Outcome of an agreement: whether all ranks are well, and if not the lowest rank that is not.
struct RankFlag {
  bool ok = true;
  int rank = -1;
};

/// Throws MpiError naming `call` when `code` is not MPI_SUCCESS. Local.
void check_mpi(int code, const char* call);

/// An MPI communicator. Owns it when made by `duplicate`, `split` or `split_by_node`; `world()`,
/// `self()` and `borrow` do not. Buffers may exceed 2^31 bytes: transfers are cut into pieces that
/// MPI's 32-bit counts can express.
class Communicator {
 public:
  /// MPI_COMM_WORLD, not owned. Local.
  static Communicator world();
  /// MPI_COMM_SELF, this rank alone, not owned. Local.
  static Communicator self();
  /// Somebody else's communicator, which must outlive this object. Local.
  static Communicator borrow(MPI_Comm comm);

  Communicator(Communicator&& other) noexcept;
  Communicator& operator=(Communicator&& other) noexcept;
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;
  /// Frees an owned communicator, unless MPI is finalized already. Collective over it when owned.
  ~Communicator();

  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] int size() const noexcept { return size_; }
  [[nodiscard]] MPI_Comm handle() const noexcept { return comm_; }

  /// A new communicator of the same ranks. Collective over *this.
  [[nodiscard]] Communicator duplicate() const;
  /// The ranks that give the same `colour` (>= 0), in the order of their ranks here. Collective
  /// over *this.
  [[nodiscard]] Communicator split(int colour) const;
  /// The ranks that share this rank's memory (one machine). Collective over *this.
  [[nodiscard]] Communicator split_by_node() const;

  /// Collective over *this.
  void barrier() const;
  /// Whether all ranks arrive here within `seconds`. After a false answer the communicator must not
  /// be used again: some rank is elsewhere. Collective over *this.
  [[nodiscard]] bool meet(double seconds) const;

  /// Elementwise reductions in place; every rank ends with the result. Collective over *this.
  void sum(std::span<double> values) const;
  void max(std::span<double> values) const;
  [[nodiscard]] double sum(double value) const;
  [[nodiscard]] std::int64_t sum(std::int64_t value) const;
  [[nodiscard]] double max(double value) const;
  [[nodiscard]] std::int64_t max(std::int64_t value) const;
  [[nodiscard]] double min(double value) const;
  [[nodiscard]] std::int64_t min(std::int64_t value) const;

  /// Whether all ranks give `ok`, and the lowest that does not. Collective over *this.
  [[nodiscard]] RankFlag agree(bool ok) const;

  /// Copies `bytes` of rank `root` to all. Collective over *this.
  void broadcast(std::span<std::byte> bytes, int root) const;
  /// Replaces `text` by that of rank `root`. Collective over *this.
  void broadcast(std::string& text, int root) const;

  /// One value of each rank, in rank order, on every rank. Collective over *this.
  [[nodiscard]] std::vector<std::int64_t> all_gather(std::int64_t value) const;
  /// Concatenation over the ranks, in rank order, on every rank. Collective over *this.
  [[nodiscard]] std::vector<std::uint64_t> all_gather(std::span<const std::uint64_t> values) const;
  /// Each rank's text, in rank order, on every rank. Collective over *this.
  [[nodiscard]] std::vector<std::string> all_gather(const std::string& text) const;

 private:
  enum class Ownership { owned, borrowed };
  Communicator(MPI_Comm comm, Ownership ownership);
  void release() noexcept;

  MPI_Comm comm_ = MPI_COMM_NULL;
  Ownership ownership_ = Ownership::borrowed;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace ntkflow
