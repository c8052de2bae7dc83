#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/dist/block_cyclic.hpp>

namespace ntkflow::test {
namespace {

/// The indices that each process receives when blocks are dealt one by one: the definition, slow
/// and obvious.
std::vector<std::vector<std::int64_t>> deal(std::int64_t size, std::int64_t block, int processes,
                                            int source) {
  std::vector<std::vector<std::int64_t>> hands(static_cast<std::size_t>(processes));
  int turn = source;
  for (std::int64_t begin = 0; begin < size; begin += block) {
    for (std::int64_t g = begin; g < std::min(size, begin + block); ++g) {
      hands[static_cast<std::size_t>(turn)].push_back(g);
    }
    turn = (turn + 1) % processes;
  }
  return hands;
}

/// Number of places at which the maps of BlockCyclic differ from dealing; `claimed_source` is what
/// the maps are told.
int differences(std::int64_t size, std::int64_t block, int processes, int source,
                int claimed_source) {
  const auto hands = deal(size, block, processes, source);
  int wrong = 0;
  for (int p = 0; p < processes; ++p) {
    const auto& hand = hands[static_cast<std::size_t>(p)];
    const BlockCyclic map(size, block, processes, p, claimed_source);
    wrong += map.local_size() == std::ssize(hand) ? 0 : 1;
    for (std::int64_t l = 0; l < std::ssize(hand); ++l) {
      const GlobalIndex g{hand[static_cast<std::size_t>(l)]};
      wrong += map.to_global({l}) == g && map.owner(g) == p && map.is_mine(g) &&
                       map.to_local(g) == LocalIndex{l}
                   ? 0
                   : 1;
    }
    std::int64_t below = 0;
    for (std::int64_t g = 0; g <= size; ++g) {
      wrong += map.local_count_below({g}) == below ? 0 : 1;
      below += below < std::ssize(hand) && hand[static_cast<std::size_t>(below)] == g ? 1 : 0;
    }
  }
  return wrong;
}

TEST(BlockCyclicTest, AgreesWithDealing) {
  for (const std::int64_t block : {1, 2, 5, 7, 64}) {
    for (const std::int64_t size : {std::int64_t{0}, std::int64_t{1}, block - 1, block, block + 1,
                                    std::int64_t{31}, std::int64_t{97}, std::int64_t{211}}) {
      for (const int processes : {1, 2, 3, 4, 6}) {
        for (int source = 0; source < processes; ++source) {
          EXPECT_EQ(differences(size, block, processes, source, source), 0)
              << size << " in blocks of " << block << " over " << processes << " from " << source;
        }
      }
    }
  }
}

TEST(BlockCyclicTest, ComparisonSeesAWrongSource) {
  EXPECT_GT(differences(97, 5, 3, 1, 2), 0);
}

TEST(BlockCyclicTest, AtIsTheSameSeenByAnother) {
  const BlockCyclic map(97, 5, 3, 0, 2);
  for (int p = 0; p < 3; ++p) {
    EXPECT_EQ(map.at(p).local_size(), BlockCyclic(97, 5, 3, p, 2).local_size());
    EXPECT_EQ(map.at(p).coordinate(), p);
    EXPECT_EQ(map.at(p).source(), 2);
  }
}

TEST(BlockCyclicTest, SizesBeyond32Bits) {
  constexpr std::int64_t kSize = 10'000'000'019;
  std::int64_t total = 0;
  for (int p = 0; p < 7; ++p) {
    const BlockCyclic map(kSize, 64, 7, p, 3);
    total += map.local_size();
    const GlobalIndex last = map.to_global({map.local_size() - 1});
    EXPECT_EQ(map.owner(last), p);
    EXPECT_EQ(map.to_local(last).value, map.local_size() - 1);
    EXPECT_LT(last.value, kSize);
  }
  EXPECT_EQ(total, kSize);
}

TEST(ContiguousShareTest, CoversEverythingInOrderAndEvenly) {
  for (const std::int64_t size : {0, 1, 2, 3, 6, 7, 97}) {
    for (const int parts : {1, 2, 3, 4, 6}) {
      std::int64_t end = 0;
      for (int part = 0; part < parts; ++part) {
        const Share share = contiguous_share(size, parts, part);
        EXPECT_EQ(share.begin, end);
        EXPECT_GE(share.size(), size / parts);
        EXPECT_LE(share.size(), size / parts + 1);
        end = share.end;
      }
      EXPECT_EQ(end, size);
    }
  }
}

}  // namespace
}  // namespace ntkflow::test
