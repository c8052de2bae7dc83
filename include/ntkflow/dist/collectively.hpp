#pragma once

#include <exception>
#include <string>
#include <utility>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/communicator.hpp>

namespace ntkflow {

/// The exit code that an exception stands for: its own for an Error, `resources` for a failed
/// allocation, `internal` otherwise. Local.
ExitCode exit_code_of(const std::exception& error);

/// Runs work that a single rank can fail at, then lets all ranks agree on the outcome. Collective
/// over comm.
///
/// `work` must not communicate. If it throws anywhere, every rank throws, with the exit code of the
/// lowest failing rank: the ranks that failed with this code their own exception, all others a
/// RemoteError with the text of that rank. So all ranks unwind together, collective destructors
/// meet, and the same code leaves every rank.
template <class Work>
void collectively(const Communicator& comm, Work&& work) {
  std::exception_ptr mine;
  std::string text = "unknown exception";
  ExitCode code = ExitCode::internal;
  try {
    std::forward<Work>(work)();
  } catch (const std::exception& error) {
    mine = std::current_exception();
    text = error.what();
    code = exit_code_of(error);
  } catch (...) {
    mine = std::current_exception();
  }
  const RankFlag flag = comm.agree(mine == nullptr);
  if (flag.ok) {
    return;
  }
  comm.broadcast(text, flag.rank);
  ExitCode agreed = code;
  comm.broadcast(std::as_writable_bytes(std::span(&agreed, 1)), flag.rank);
  if (mine && code == agreed) {
    std::rethrow_exception(mine);
  }
  throw RemoteError(flag.rank, agreed, text);
}

}  // namespace ntkflow
