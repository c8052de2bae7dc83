#include "ntkflow/dist/communicator.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/base/narrow.hpp>
#include <ntkflow/base/timer.hpp>

namespace ntkflow {
namespace {

/// MPI counts are 32-bit; pieces of 2^26 values, half a GiB of 8-byte ones, stay well below.
constexpr std::size_t kPiece = std::size_t{1} << 26;

template <class Value>
void reduce_in_place(MPI_Comm comm, std::span<Value> values, MPI_Datatype type, MPI_Op op) {
  // Every rank passes the same length, so every rank makes the same number of calls.
  for (std::size_t begin = 0; begin < values.size(); begin += kPiece) {
    const auto count = static_cast<int>(std::min(kPiece, values.size() - begin));
    check_mpi(MPI_Allreduce(MPI_IN_PLACE, values.data() + begin, count, type, op, comm),
              "MPI_Allreduce");
  }
}

template <class Value>
Value reduced(MPI_Comm comm, Value value, MPI_Datatype type, MPI_Op op) {
  reduce_in_place(comm, std::span<Value>(&value, 1), type, op);
  return value;
}

}  // namespace

void check_mpi(int code, const char* call) {
  if (code == MPI_SUCCESS) {
    return;
  }
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw MpiError(std::string(call) +
                 " failed: " + std::string(text.data(), static_cast<std::size_t>(length)));
}

Communicator::Communicator(MPI_Comm comm, Ownership ownership)
    : comm_(comm), ownership_(ownership) {
  check_mpi(MPI_Comm_rank(comm_, &rank_), "MPI_Comm_rank");
  check_mpi(MPI_Comm_size(comm_, &size_), "MPI_Comm_size");
}

Communicator Communicator::world() {
  return {MPI_COMM_WORLD, Ownership::borrowed};
}
Communicator Communicator::self() {
  return {MPI_COMM_SELF, Ownership::borrowed};
}
Communicator Communicator::borrow(MPI_Comm comm) {
  return {comm, Ownership::borrowed};
}

Communicator::Communicator(Communicator&& other) noexcept
    : comm_(std::exchange(other.comm_, MPI_COMM_NULL)),
      ownership_(other.ownership_),
      rank_(other.rank_),
      size_(other.size_) {}

Communicator& Communicator::operator=(Communicator&& other) noexcept {
  if (this != &other) {
    release();
    comm_ = std::exchange(other.comm_, MPI_COMM_NULL);
    ownership_ = other.ownership_;
    rank_ = other.rank_;
    size_ = other.size_;
  }
  return *this;
}

Communicator::~Communicator() {
  release();
}

void Communicator::release() noexcept {
  if (ownership_ == Ownership::owned && comm_ != MPI_COMM_NULL) {
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized == 0) {
      MPI_Comm_free(&comm_);
    }
  }
  comm_ = MPI_COMM_NULL;
}

Communicator Communicator::duplicate() const {
  MPI_Comm comm = MPI_COMM_NULL;
  check_mpi(MPI_Comm_dup(comm_, &comm), "MPI_Comm_dup");
  return {comm, Ownership::owned};
}

Communicator Communicator::split(int colour) const {
  NTKFLOW_EXPECTS(colour >= 0, colour);
  MPI_Comm comm = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split(comm_, colour, rank_, &comm), "MPI_Comm_split");
  return {comm, Ownership::owned};
}

Communicator Communicator::split_by_node() const {
  MPI_Comm comm = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(comm_, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &comm),
            "MPI_Comm_split_type");
  return {comm, Ownership::owned};
}

void Communicator::barrier() const {
  check_mpi(MPI_Barrier(comm_), "MPI_Barrier");
}

bool Communicator::meet(double seconds) const {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibarrier(comm_, &request), "MPI_Ibarrier");
  const Stopwatch watch;
  int arrived = 0;
  while (arrived == 0 && watch.seconds() < seconds) {
    check_mpi(MPI_Test(&request, &arrived, MPI_STATUS_IGNORE), "MPI_Test");
    std::this_thread::sleep_for(std::chrono::milliseconds(arrived == 0 ? 1 : 0));
  }
  return arrived != 0;
}

void Communicator::sum(std::span<double> values) const {
  reduce_in_place(comm_, values, MPI_DOUBLE, MPI_SUM);
}
void Communicator::max(std::span<double> values) const {
  reduce_in_place(comm_, values, MPI_DOUBLE, MPI_MAX);
}
double Communicator::sum(double value) const {
  return reduced(comm_, value, MPI_DOUBLE, MPI_SUM);
}
std::int64_t Communicator::sum(std::int64_t value) const {
  return reduced(comm_, value, MPI_INT64_T, MPI_SUM);
}
double Communicator::max(double value) const {
  return reduced(comm_, value, MPI_DOUBLE, MPI_MAX);
}
std::int64_t Communicator::max(std::int64_t value) const {
  return reduced(comm_, value, MPI_INT64_T, MPI_MAX);
}
double Communicator::min(double value) const {
  return reduced(comm_, value, MPI_DOUBLE, MPI_MIN);
}
std::int64_t Communicator::min(std::int64_t value) const {
  return reduced(comm_, value, MPI_INT64_T, MPI_MIN);
}

RankFlag Communicator::agree(bool ok) const {
  const auto first = min(static_cast<std::int64_t>(ok ? size_ : rank_));
  if (first == size_) {
    return {};
  }
  return {false, static_cast<int>(first)};
}

void Communicator::broadcast(std::span<std::byte> bytes, int root) const {
  constexpr std::size_t kBytes = std::size_t{1} << 30;
  for (std::size_t begin = 0; begin < bytes.size(); begin += kBytes) {
    const auto count = static_cast<int>(std::min(kBytes, bytes.size() - begin));
    check_mpi(MPI_Bcast(bytes.data() + begin, count, MPI_BYTE, root, comm_), "MPI_Bcast");
  }
}

void Communicator::broadcast(std::string& text, int root) const {
  auto length = static_cast<std::int64_t>(text.size());
  broadcast(std::as_writable_bytes(std::span(&length, 1)), root);
  text.resize(static_cast<std::size_t>(length));
  broadcast(std::as_writable_bytes(std::span(text)), root);
}

std::vector<std::int64_t> Communicator::all_gather(std::int64_t value) const {
  std::vector<std::int64_t> values(static_cast<std::size_t>(size_));
  check_mpi(MPI_Allgather(&value, 1, MPI_INT64_T, values.data(), 1, MPI_INT64_T, comm_),
            "MPI_Allgather");
  return values;
}

namespace {

/// MPI_Allgatherv of `count` items of `type` into the vector or string `all`.
template <class Container>
Container gather_variable(const Communicator& comm, const void* mine, std::int64_t count,
                          MPI_Datatype type, std::vector<int>& counts) {
  std::vector<int> offsets;
  std::int64_t total = 0;
  counts.clear();
  for (const std::int64_t n : comm.all_gather(count)) {
    counts.push_back(narrow<int>(n, "elements gathered from one rank"));
    offsets.push_back(narrow<int>(total, "elements gathered from all ranks"));
    total += n;
  }
  Container all;
  all.resize(static_cast<std::size_t>(total));
  check_mpi(MPI_Allgatherv(mine, narrow<int>(count, "elements gathered"), type, all.data(),
                           counts.data(), offsets.data(), type, comm.handle()),
            "MPI_Allgatherv");
  return all;
}

}  // namespace

std::vector<std::uint64_t> Communicator::all_gather(std::span<const std::uint64_t> values) const {
  std::vector<int> counts;
  return gather_variable<std::vector<std::uint64_t>>(
      *this, values.data(), static_cast<std::int64_t>(values.size()), MPI_UINT64_T, counts);
}

std::vector<std::string> Communicator::all_gather(const std::string& text) const {
  std::vector<int> counts;
  const auto all = gather_variable<std::string>(
      *this, text.data(), static_cast<std::int64_t>(text.size()), MPI_CHAR, counts);
  std::vector<std::string> texts;
  std::size_t begin = 0;
  for (const int count : counts) {
    texts.push_back(all.substr(begin, static_cast<std::size_t>(count)));
    begin += static_cast<std::size_t>(count);
  }
  return texts;
}

}  // namespace ntkflow
