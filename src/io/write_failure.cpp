#include "write_failure.hpp"

#include <cstdio>
#include <filesystem>
#include <limits>
#include <optional>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/mpi_session.hpp>

#include "output_path.hpp"

namespace ntkflow::write_failure {
namespace {

/// How long a failing rank waits for the agreement. A collective call of HDF5 that fails on one
/// rank may leave the others inside it for ever.
constexpr double kAgreementSeconds = 10.0;

/// The lowest failing rank, comm.size() when there is none, or nothing when this rank failed and
/// the others did not come in time.
std::optional<std::int64_t> lowest_failing(const Communicator& comm, bool ok) {
  // A rank that is well waits as long as the others write.
  if (!comm.meet(ok ? std::numeric_limits<double>::infinity() : kAgreementSeconds)) {
    return std::nullopt;
  }
  return comm.min(std::int64_t{ok ? comm.size() : comm.rank()});
}

/// The cause, as far as the system tells: HDF5 and MPI-IO drop errno on their way up.
std::string likely_cause(const Attempt& attempt) {
  const std::int64_t available = output_path::free_bytes(attempt.partial);
  // A file system keeps a few blocks for itself, so "full" shows as nearly nothing left.
  constexpr std::int64_t kNearlyNothing = std::int64_t{1} << 20;
  if (available >= 0 && available < attempt.bytes + kNearlyNothing) {
    return "disk full (" + std::to_string(available) + " bytes left)";
  }
  struct rlimit limit {};
  std::error_code code;
  const auto size = std::filesystem::file_size(attempt.partial, code);
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && !code &&
      size + static_cast<std::uintmax_t>(attempt.bytes) + kNearlyNothing > limit.rlim_cur) {
    return "the file reached the limit of " + std::to_string(limit.rlim_cur) +
           " bytes for one file (ulimit -f)";
  }
  return "disk full, quota reached or connection to the disk lost?";
}

void report(const Attempt& attempt, const std::string& error) {
  const std::string bytes =
      attempt.bytes > 0 ? " (" + std::to_string(attempt.bytes) + " bytes of this rank)" : "";
  std::fprintf(stderr, "ntkflow: error: cannot %s%s: %s; %s\n", attempt.action.c_str(),
               bytes.c_str(), likely_cause(attempt).c_str(), error.c_str());
  std::fflush(stderr);
  unlink(attempt.partial.c_str());
}

}  // namespace

void end_job_if_any(const Communicator& comm, const Attempt& attempt, const std::string& error) {
  const auto lowest = lowest_failing(comm, error.empty());
  if (lowest == comm.size()) {
    return;
  }
  if (!lowest || *lowest == comm.rank()) {
    report(attempt, error);
  }
  if (lowest) {
    comm.barrier();  // nobody ends the job before the sentence is out
  }
  MpiSession::abort(static_cast<int>(ExitCode::resources));
}

void end_job_if_alone(const Communicator& comm, double seconds, const std::string& partial) {
  if (comm.meet(seconds)) {
    return;
  }
  std::fprintf(stderr, "ntkflow: error: rank %d failed alone; ending all ranks\n", comm.rank());
  std::fflush(stderr);
  if (!partial.empty()) {
    unlink(partial.c_str());
  }
  MpiSession::abort(static_cast<int>(ExitCode::internal));
}

}  // namespace ntkflow::write_failure
