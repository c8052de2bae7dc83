// ntkflow: parses the command line, runs one command on all ranks, and ends all of them with the
// same exit code.
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <exception>

#include <fmt/format.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/mpi_session.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "fail_together.hpp"

namespace {

using ntkflow::Communicator;
using ntkflow::ExitCode;

void dispatch(const Communicator& world, const ntkflow::app::CommandLine& line) {
  using ntkflow::app::Command;
  switch (line.command) {
    case Command::run:
      return ntkflow::app::run(world, line);
    case Command::gram:
      return ntkflow::app::gram(world, line);
    case Command::plan:
      return ntkflow::app::plan(world, line);
    case Command::predict:
      return ntkflow::app::predict(world, line);
    case Command::experiment:
      return ntkflow::app::experiment(world, line);
    case Command::show:
      return ntkflow::app::show(world, line);
    case Command::info:
      return ntkflow::app::info(world, line);
  }
}

/// Ends a run that failed, with the same exit code on every rank.
///
/// Nearly always all ranks hold an exception of one cause here, thrown by `collectively` or by a
/// check that all make alike: the lowest with first-hand knowledge prints, and its code is
/// everybody's.
ExitCode agree_on_error(const Communicator& errors, const std::exception& error) {
  ntkflow::app::require_company(errors, "", error);
  const bool first_hand = dynamic_cast<const ntkflow::RemoteError*>(&error) == nullptr;
  const auto speaker =
      errors.min(static_cast<std::int64_t>(first_hand ? errors.rank() : errors.size()));
  if (speaker == errors.rank()) {
    fmt::print(stderr, "ntkflow: error: {}\n", error.what());
    std::fflush(stderr);
  }
  const auto code = static_cast<std::int64_t>(ntkflow::exit_code_of(error));
  return static_cast<ExitCode>(errors.max(speaker == errors.rank() ? code : 0));
}

ExitCode run_program(const Communicator& world, int argc, char** argv) {
  const Communicator errors = world.duplicate();
  try {
    const auto parsed = ntkflow::app::parse_command_line(argc, argv);
    if (!parsed.command_line) {
      if (world.rank() == 0) {
        std::fputs(parsed.text.c_str(), stdout);
      }
      return ExitCode::success;
    }
    dispatch(world, *parsed.command_line);
    return ExitCode::success;
  } catch (const std::exception& error) {
    return agree_on_error(errors, error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Writing past a file-size limit must be an error that can be reported, not a signal.
  std::signal(SIGXFSZ, SIG_IGN);
  const ntkflow::MpiSession session(argc, argv);
  return static_cast<int>(run_program(Communicator::world(), argc, argv));
}
