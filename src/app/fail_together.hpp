#pragma once

#include <exception>
#include <string>
#include <utility>

#include <ntkflow/dist/communicator.hpp>

namespace ntkflow::app {

/// Returns if all ranks come here soon with an exception each, so that unwinding may be collective.
/// Otherwise this rank failed alone and the others wait for it elsewhere: prints the error, removes
/// the unfinished result and ends all ranks with the error's exit code.
void require_company(const Communicator& errors, const std::string& output,
                     const std::exception& error);

/// Runs work that communicates, in the life of objects whose destructors do: a result file, a
/// process grid. An exception goes on only when all ranks have one. Collective over comm.
/// @param output  the result file whose unfinished form must not stay behind.
template <class Work>
void fail_together(const Communicator& comm, const std::string& output, Work&& work) {
  const Communicator errors = comm.duplicate();
  try {
    std::forward<Work>(work)();
  } catch (const std::exception& error) {
    require_company(errors, output, error);
    throw;
  }
}

}  // namespace ntkflow::app
