#include <cstdio>

#include <fmt/format.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/linalg/local.hpp>

#include "commands.hpp"
#include "plan.hpp"
#include "problem.hpp"

namespace ntkflow::app {
namespace {

/// Rate of the matrix product on one rank while all multiply, flop/s: some tens of milliseconds of
/// work.
double product_rate(const Communicator& comm) {
  constexpr std::int64_t kOrder = 768;
  Matrix<double> a(kOrder, kOrder);
  Matrix<double> b(kOrder, kOrder);
  Matrix<double> c(kOrder, kOrder);
  double best = 0.0;
  for (int repeat = 0; repeat < 4; ++repeat) {  // the first warms up
    comm.barrier();
    const Stopwatch watch;
    multiply<double>(Transpose::no, Transpose::no, 1.0, a.view(), b.view(), 0.0, c.view());
    best = std::max(best, 2.0 * kOrder * kOrder * kOrder / watch.seconds());
  }
  return comm.min(best);
}

}  // namespace

void plan(const Communicator& comm, const CommandLine& line) {
  const RunConfig config = read_config(comm, line);
  choose_threads(comm, config.parallel, silent_monitor());
  const int ranks = line.ranks.value_or(comm.size());
  Plan plan;
  collectively(comm, [&] {
    plan = make_plan(config, inspect_data(config.data), ranks, PlannedCommand::run);
  });
  const Communicator node = comm.split_by_node();
  const std::int64_t available =
      line.memory_per_rank.value_or(comm.min(available_memory_per_rank(node.size())));
  const double rate = product_rate(comm);
  const std::string reason = obstacle(plan, config, available, PlannedCommand::run);
  if (comm.rank() == 0 && line.verbosity != Verbosity::quiet) {
    fmt::print("{}", describe(plan, available, rate));
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
