#include <new>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/communicator.hpp>

#include "support/mpi_test.hpp"

namespace ntkflow::test {
namespace {

struct Caught {
  bool any = false;
  bool remote = false;
  int from = -1;
  ExitCode code = ExitCode::success;
  std::string text;
};

template <class Work>
Caught catch_from(const Communicator& comm, Work&& work) {
  Caught caught;
  try {
    collectively(comm, work);
    return caught;
  } catch (const RemoteError& error) {
    caught = {true, true, error.rank(), error.exit_code(), error.what()};
  } catch (const std::exception& error) {
    caught = {true, false, -1, exit_code_of(error), error.what()};
  }
  return caught;
}

class CollectivelyTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();
};

TEST_F(CollectivelyTest, NobodyThrows) {
  int calls = 0;
  EXPECT_FALSE(catch_from(world, [&] { ++calls; }).any);
  EXPECT_EQ(calls, 1);
}

TEST_F(CollectivelyTest, OneThrowsAllThrowTheSame) {
  for (int failing = 0; failing < world.size(); ++failing) {
    const Caught caught = catch_from(world, [&] {
      if (world.rank() == failing) {
        throw DataError("row 7 of 'größe.csv' is bad");
      }
    });

    EXPECT_TRUE(caught.any);
    EXPECT_EQ(caught.remote, world.rank() != failing);
    EXPECT_EQ(caught.code, ExitCode::input);
    EXPECT_EQ(caught.text, "row 7 of 'größe.csv' is bad");
    if (caught.remote) {
      EXPECT_EQ(caught.from, failing);
    }
  }
}

TEST_F(CollectivelyTest, TwoThrowTheSameKind) {
  const Caught caught = catch_from(world, [&] {
    if (world.rank() == 0 || world.rank() == world.size() - 1) {
      throw DataError("rank " + std::to_string(world.rank()));
    }
  });

  const bool own = world.rank() == 0 || world.rank() == world.size() - 1;
  EXPECT_EQ(caught.remote, !own);
  EXPECT_EQ(caught.code, ExitCode::input);
  EXPECT_EQ(caught.text, "rank " + std::to_string(own ? world.rank() : 0));
}

// The same exit code must leave every rank, so the lowest failing rank decides.
TEST_F(CollectivelyTest, TwoThrowDifferentKinds) {
  const Caught caught = catch_from(world, [&] {
    if (world.rank() == 0) {
      throw ResourceError("no memory");
    }
    throw DataError("bad row");
  });

  EXPECT_TRUE(caught.any);
  EXPECT_EQ(caught.code, ExitCode::resources);
  EXPECT_EQ(caught.text, "no memory");
}

TEST_F(CollectivelyTest, CodesOfForeignExceptions) {
  const bool mine = world.rank() == world.size() - 1;
  const auto code_when = [&](auto&& raise) {
    return catch_from(world,
                      [&] {
                        if (mine) {
                          raise();
                        }
                      })
        .code;
  };

  EXPECT_EQ(code_when([] { throw std::bad_alloc(); }), ExitCode::resources);
  EXPECT_EQ(code_when([] { throw std::logic_error("bug"); }), ExitCode::internal);
  EXPECT_EQ(code_when([] { throw ConfigError("key"); }), ExitCode::usage);
  EXPECT_EQ(code_when([] { throw OutputExistsError("file"); }), ExitCode::output_exists);
  EXPECT_EQ(code_when([] { throw NumericalError("pivot"); }), ExitCode::numerical);
}

TEST_F(CollectivelyTest, WhatIsNoExceptionAtAll) {
  bool caught = false;
  try {
    collectively(world, [&] {
      if (world.rank() == 0) {
        throw 1;  // NOLINT(hicpp-exception-baseclass): a third party might
      }
    });
  } catch (const RemoteError& error) {
    caught = error.exit_code() == ExitCode::internal;
  } catch (int) {
    caught = world.rank() == 0;
  }
  EXPECT_TRUE(caught);
}

}  // namespace
}  // namespace ntkflow::test
