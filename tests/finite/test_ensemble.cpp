#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/finite/ensemble.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/finite/tangent.hpp>
#include <ntkflow/finite/training.hpp>

#include "reference_network.hpp"
#include "support/collect_members.hpp"
#include "support/mpi_test.hpp"

namespace ntkflow::test {
namespace {

constexpr std::int64_t kSamples = 3;

/// What becomes of a member: its kernel and its outputs after some training.
std::vector<double> result_of(std::int64_t member) {
  const NetworkShape shape{2, 33, 1};
  const auto x = normal_matrix<float>(shape.inputs, kSamples, 0);
  const auto target = normal_matrix<double>(kSamples, 1, 1);
  Network<float> network(architecture_of(3, "relu"), shape,
                         {9, static_cast<std::uint64_t>(member)});
  const Tangent<float> tangent(network, x.view());
  const Matrix<double> kernel = tangent.kernel(tangent);
  train<float>(network, x.view(), target, {0.1, 20}, {}, silent_monitor());
  const Matrix<double> values = network.evaluate(x.view());
  std::vector<double> result(kernel.data(), kernel.data() + kernel.size());
  result.insert(result.end(), values.data(), values.data() + values.size());
  return result;
}

constexpr std::int64_t kSize = kSamples * kSamples + kSamples;

class EnsembleTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();
};

TEST_F(EnsembleTest, HasTheSameMembersOnAnyNumberOfRanks) {
  constexpr std::int64_t kMembers = 7;
  const Matrix<double> all = collect_members(world, kMembers, kSize, result_of);
  const Matrix<double> fewer = collect_members(world, 3, kSize, result_of);
  for (std::int64_t k = 0; k < kMembers; ++k) {
    const std::vector<double> alone = result_of(k);
    for (std::int64_t i = 0; i < kSize; ++i) {
      EXPECT_EQ(all(i, k), alone[static_cast<std::size_t>(i)]) << k << ' ' << i;
      if (k < fewer.cols()) {
        EXPECT_EQ(fewer(i, k), all(i, k));
      }
      if (k > 0) {
        EXPECT_NE(all(i, k), all(i, 0));
      }
    }
  }
}

TEST_F(EnsembleTest, GivesEachMemberToOneRank) {
  std::vector<std::int64_t> mine;
  for_each_member(world, 9, [&](std::int64_t k) { mine.push_back(k); });
  for (const std::int64_t k : mine) {
    EXPECT_EQ(k % world.size(), world.rank());
  }
  EXPECT_EQ(world.sum(static_cast<std::int64_t>(mine.size())), 9);
  for_each_member(world, 0, [](std::int64_t /*k*/) { FAIL(); });
}

TEST_F(EnsembleTest, FailsOnAllRanksWhereOneMemberFails) {
  const auto work = [](std::int64_t k) {
    if (k == 1) {
      throw ResourceError("member 1 is too large");
    }
  };
  EXPECT_THROW(for_each_member(world, 5, work), Error);
}

}  // namespace
}  // namespace ntkflow::test
