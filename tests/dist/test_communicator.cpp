#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <mpi.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/timer.hpp>
#include <ntkflow/dist/communicator.hpp>

#include "support/mpi_test.hpp"

namespace ntkflow::test {
namespace {

class CommunicatorTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();
  const std::int64_t size = world.size();
  const std::int64_t rank = world.rank();
};

TEST_F(CommunicatorTest, ReducesNumbers) {
  EXPECT_EQ(world.sum(rank + 1), size * (size + 1) / 2);
  EXPECT_EQ(world.sum(0.5), 0.5 * static_cast<double>(size));
  EXPECT_EQ(world.max(rank), size - 1);
  EXPECT_EQ(world.min(rank - 5), -5);
  EXPECT_EQ(world.max(-static_cast<double>(rank)), 0.0);
  EXPECT_EQ(world.min(-static_cast<double>(rank)), 1.0 - static_cast<double>(size));
  EXPECT_EQ(world.sum(rank == 0 ? std::int64_t{1} << 40 : 0), std::int64_t{1} << 40);
}

TEST_F(CommunicatorTest, ReducesArrays) {
  std::vector<double> reals{1.0, static_cast<double>(rank), -2.0};
  std::vector<double> most{static_cast<double>(rank), -static_cast<double>(rank)};

  world.sum(std::span(reals));
  world.max(std::span(most));
  world.sum(std::span<double>());

  const auto sum = static_cast<double>(size * (size - 1) / 2);
  EXPECT_EQ(reals, (std::vector<double>{static_cast<double>(size), sum,
                                        -2.0 * static_cast<double>(size)}));
  EXPECT_EQ(most, (std::vector<double>{static_cast<double>(size - 1), 0.0}));
}

// One piece holds 2^26 values: the last ones lie in the second piece. Two ranks only, for the
// memory.
TEST_F(CommunicatorTest, ReducesInPieces) {
  if (size != 2) {
    GTEST_SKIP() << "needs 2 ranks";
  }
  constexpr std::size_t kPiece = std::size_t{1} << 26;
  std::vector<double> values(kPiece + 3, 1.0);
  values.back() = static_cast<double>(rank + 5);
  values[kPiece] = static_cast<double>(rank);

  world.sum(std::span(values));

  EXPECT_EQ(values.front(), 2.0);
  EXPECT_EQ(values[kPiece - 1], 2.0);
  EXPECT_EQ(values[kPiece], 1.0);
  EXPECT_EQ(values.back(), 11.0);
}

TEST_F(CommunicatorTest, AgreesOnTheLowestFailingRank) {
  EXPECT_TRUE(world.agree(true).ok);
  for (int failing = 0; failing < world.size(); ++failing) {
    const RankFlag flag = world.agree(world.rank() < failing);
    EXPECT_FALSE(flag.ok);
    EXPECT_EQ(flag.rank, failing);
  }
}

TEST_F(CommunicatorTest, RanksThatAllArriveMeet) {
  EXPECT_TRUE(world.meet(60.0));
  EXPECT_TRUE(world.meet(60.0));  // and again on the same communicator
}

// The late rank is held back until all others have given up. Each round needs a communicator of its
// own, which is of no use afterwards.
TEST_F(CommunicatorTest, RanksThatWaitForALateOneDoNotMeet) {
  constexpr double kPatience = 0.05;
  for (int late = 0; late < world.size(); ++late) {
    const Communicator errors = world.duplicate();
    if (world.rank() != late) {
      const Stopwatch watch;
      EXPECT_FALSE(errors.meet(kPatience));
      EXPECT_GE(watch.seconds(), kPatience);
    }
    world.barrier();
    if (world.rank() == late) {
      EXPECT_TRUE(errors.meet(60.0));  // nobody is missing any more
    }
    world.barrier();
  }
}

TEST_F(CommunicatorTest, BroadcastsFromAnyRank) {
  for (int root = 0; root < world.size(); ++root) {
    std::string text =
        world.rank() == root ? "grüße of " + std::to_string(root) : "something longer";
    std::int64_t number = world.rank() == root ? root * 100 : -1;
    std::string nothing = world.rank() == root ? "" : "not empty";

    world.broadcast(text, root);
    world.broadcast(std::as_writable_bytes(std::span(&number, 1)), root);
    world.broadcast(nothing, root);

    EXPECT_EQ(text, "grüße of " + std::to_string(root));
    EXPECT_EQ(number, root * 100);
    EXPECT_TRUE(nothing.empty());
  }
}

TEST_F(CommunicatorTest, GathersInRankOrder) {
  const std::vector<std::uint64_t> mine(static_cast<std::size_t>(rank),
                                        static_cast<std::uint64_t>(rank));
  const std::string text(static_cast<std::size_t>(2 * rank), static_cast<char>('a' + rank));

  const auto numbers = world.all_gather(rank * rank);
  const auto together = world.all_gather(std::span<const std::uint64_t>(mine));
  const auto texts = world.all_gather(text);

  std::size_t at = 0;
  for (std::int64_t r = 0; r < size; ++r) {
    EXPECT_EQ(numbers[static_cast<std::size_t>(r)], r * r);
    EXPECT_EQ(texts[static_cast<std::size_t>(r)],
              std::string(static_cast<std::size_t>(2 * r), static_cast<char>('a' + r)));
    for (std::int64_t i = 0; i < r; ++i) {
      EXPECT_EQ(together[at++], static_cast<std::uint64_t>(r));
    }
  }
  EXPECT_EQ(together.size(), at);
}

TEST_F(CommunicatorTest, SplitsAndDuplicates) {
  const Communicator copy = world.duplicate();
  const Communicator node = world.split_by_node();

  EXPECT_EQ(copy.size(), world.size());
  EXPECT_EQ(copy.rank(), world.rank());
  EXPECT_NE(copy.handle(), world.handle());
  EXPECT_EQ(node.size(), world.size());  // the tests run on one machine
  EXPECT_EQ(node.rank(), world.rank());
}

TEST_F(CommunicatorTest, OwnedOnesAreFreedAndMoved) {
  Communicator first = world.duplicate();
  const MPI_Comm handle = first.handle();
  Communicator second = std::move(first);
  EXPECT_EQ(first.handle(), MPI_COMM_NULL);  // NOLINT(bugprone-use-after-move): that is the test
  EXPECT_EQ(second.handle(), handle);
  second = world.duplicate();
  EXPECT_EQ(second.sum(std::int64_t{1}), size);
  // Open MPI has a limited number of communicators; leaking them would reach it.
  for (int i = 0; i < 300; ++i) {
    const Communicator copy = world.duplicate();
  }
  world.barrier();
}

TEST_F(CommunicatorTest, ErrorsOfMpiAreExceptions) {
  EXPECT_NO_THROW(check_mpi(MPI_SUCCESS, "MPI_Nothing"));
  try {
    check_mpi(MPI_Send(nullptr, 0, MPI_INT, world.size() + 1, 0, MPI_COMM_WORLD), "MPI_Send");
    FAIL() << "a message to a rank that is not there was sent";
  } catch (const MpiError& error) {
    EXPECT_NE(std::string(error.what()).find("MPI_Send"), std::string::npos);
    EXPECT_EQ(error.exit_code(), ExitCode::internal);
  }
}

}  // namespace
}  // namespace ntkflow::test
