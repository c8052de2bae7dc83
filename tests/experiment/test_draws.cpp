#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>

#include "ensemble.hpp"
#include "support/mpi_test.hpp"
#include "support/stop_at_question.hpp"

namespace ntkflow::test {
namespace {

NetworkOptions three_widths() {
  NetworkOptions options;
  options.widths = {3, 5, std::int64_t{1} << 24};
  options.draws = 4;
  options.seed = 9;
  return options;
}

class DrawsTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();
};

TEST_F(DrawsTest, EveryNetworkIsTrainedOnceAndTheWidestFirst) {
  const NetworkOptions options = three_widths();
  DrawTable seen(options, 2);
  std::int64_t last = std::int64_t{1} << 30;
  for_each_draw(world, options, silent_monitor(), [&](const Draw& draw, Monitor& /*monitor*/) {
    EXPECT_LE(draw.width, last);
    last = draw.width;
    EXPECT_EQ(draw.width, options.widths[draw.width_index]);
    EXPECT_EQ(draw.id.seed, options.seed);
    seen.of(draw)[0] += 1.0;
    seen.of(draw)[1] = static_cast<double>(draw.id.member);
  });
  seen.complete(world);
  std::set<double> members;
  for (std::size_t width = 0; width < options.widths.size(); ++width) {
    for (std::int64_t draw = 0; draw < options.draws; ++draw) {
      EXPECT_EQ(seen.of(width, draw)[0], 1.0);
      members.insert(seen.of(width, draw)[1]);
    }
    const auto across = seen.across_draws(width, 1);
    ASSERT_EQ(std::ssize(across), options.draws);
    EXPECT_EQ(across[2], seen.of(width, 2)[1]);
    EXPECT_EQ(seen.of_width(width)[5], across[2]);
  }
  EXPECT_EQ(members.size(), options.widths.size() * 4);
}

TEST_F(DrawsTest, WhatOneRankCannotPrepareFailsOnAll) {
  const auto make = [&]() -> int {
    if (world.rank() == world.size() - 1) {
      throw ResourceError("no memory here");
    }
    return 1;
  };
  ExitCode code = ExitCode::success;
  try {
    prepared(world, make);
  } catch (const Error& error) {
    code = error.exit_code();
  }
  EXPECT_EQ(code, ExitCode::resources);
  EXPECT_EQ(prepared(world, [] { return 7; }), 7);
}

// Networks do not depend on what else there is.
TEST_F(DrawsTest, ANetworkIsTheSameInEveryStudy) {
  NetworkOptions options = three_widths();
  const auto member = [&](const NetworkOptions& study, std::size_t width, std::int64_t draw) {
    DrawTable table(study, 1);
    for_each_draw(world, study, silent_monitor(), [&](const Draw& which, Monitor& /*monitor*/) {
      table.of(which)[0] = static_cast<double>(which.id.member);
    });
    table.complete(world);
    return table.of(width, draw)[0];
  };
  const double before = member(options, 1, 2);
  options.widths = {5};
  options.draws = 7;
  EXPECT_EQ(member(options, 0, 2), before);
  EXPECT_NE(member(options, 0, 3), before);
}

TEST_F(DrawsTest, TablesHaveTheSameZerosOnAnyNumberOfRanks) {
  const NetworkOptions options = three_widths();
  DrawTable table(options, 1);
  for_each_draw(world, options, silent_monitor(),
                [&](const Draw& draw, Monitor& /*monitor*/) { table.of(draw)[0] = -0.0; });
  table.complete(world);
  for (const double value : table.values()) {
    EXPECT_EQ(value, 0.0);
    EXPECT_FALSE(std::signbit(value));
  }
}

TEST_F(DrawsTest, StopBetweenNetworksOnAllRanks) {
  const NetworkOptions options = three_widths();
  StopAtQuestion monitor(2);
  int begun = 0;
  ExitCode code = ExitCode::success;
  try {
    for_each_draw(world, options, monitor,
                  [&](const Draw& /*draw*/, Monitor& /*monitor*/) { ++begun; });
  } catch (const Error& error) {
    code = error.exit_code();
  }
  EXPECT_EQ(code, ExitCode::interrupted);
  EXPECT_LE(begun, 2);
}

/// Remembers what it was told.
class Listener : public Monitor {
 public:
  void progress(std::int64_t done, std::int64_t total) override {
    EXPECT_GE(done, last);
    EXPECT_LE(done, total);
    last = done;
    whole = total;
  }
  std::int64_t last = 0;
  std::int64_t whole = 0;
};

TEST_F(DrawsTest, ProgressGrowsToTheWhole) {
  const NetworkOptions options = three_widths();
  Listener listener;
  for_each_draw(world, options, listener,
                [&](const Draw& /*draw*/, Monitor& monitor) { monitor.progress(1, 2); });
  EXPECT_GT(listener.whole, 0);
  // Parts are rounded down.
  EXPECT_GE(listener.last, listener.whole - 1);
}

}  // namespace
}  // namespace ntkflow::test
