#include <cstdio>

#include <fmt/format.h>

#include <ntkflow/dist/collectively.hpp>

#include "commands.hpp"
#include "feasibility.hpp"
#include "plan_text.hpp"
#include "problem.hpp"

namespace ntkflow::app {

void plan(const Communicator& comm, const CommandLine& line) {
  const RunConfig config = read_config(comm, line);
  choose_threads(comm, config.parallel, silent_monitor());
  DataShape shape;
  collectively(comm, [&] {
    shape = inspect_data(config.data);
    check_counts(config, shape);
  });
  AvailableMemory memory = least_available_memory(comm);
  if (line.memory_per_rank) {
    memory = {*line.memory_per_rank, *line.memory_per_rank, 0};
  }
  const Target target{line.ranks.value_or(comm.size()), memory.bytes, PlannedCommand::run,
                      calibrate(comm, kCalibrationSeconds, kCalibrationBytes)};
  Choice choice;
  std::string reason;
  collectively(comm, [&] {
    choice = choose(config, shape, target);
    reason = obstacle(choice, config, target, memory);
  });
  if (comm.rank() == 0 && line.verbosity != Verbosity::quiet) {
    fmt::print("{}\n{}\n{}\n", describe(choice, target), describe(target.rates),
               rank_table(config, shape, target));
    if (const auto size = largest_fitting_size(config, shape, target); size > 0) {
      fmt::print("largest N that fits {} rank{}: {}\n", target.ranks, target.ranks == 1 ? "" : "s",
                 size);
    }
    if (const int ranks = smallest_fitting_ranks(config, shape, target); ranks > 0) {
      fmt::print("smallest number of ranks that fits this N: {}\n", ranks);
    }
    if (!line.memory_per_rank) {
      fmt::print(
          "available: of this machine, shared by its ranks; --memory-per-rank plans for another\n");
    }
    fmt::print("{}\n", reason.empty() ? "it fits" : "it does not fit");
    std::fflush(stdout);
  }
  if (!reason.empty()) {
    throw ResourceError("this problem does not fit: " + reason);
  }
}

}  // namespace ntkflow::app
