#include <cstdint>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include <ntkflow/base/hash.hpp>

namespace ntkflow::test {
namespace {

// Published check values of XXH3 with 64 bits and seed 0 (the xxHash specification's empty input,
// and the widely quoted one of "a").
TEST(HashTest, IsXxh3) {
  EXPECT_EQ(hash_text(""), 0x2d06800538d394c2U);
  EXPECT_EQ(hash_text("a"), 0xe6c632b61e964e1fU);
}

TEST(HashTest, EveryBitAndTheSeedMatter) {
  std::string text(1000, '\0');
  std::set<std::uint64_t> seen{hash_text(text)};
  for (std::size_t bit = 0; bit < 8 * text.size(); ++bit) {
    text[bit / 8] = static_cast<char>(1 << bit % 8);
    seen.insert(hash_text(text));
    text[bit / 8] = '\0';
  }
  seen.insert(hash_bytes(text.data(), text.size(), 1));
  seen.insert(hash_bytes(text.data(), text.size() - 1));

  EXPECT_EQ(seen.size(), 8 * text.size() + 3);
  EXPECT_EQ(hash_text(text), hash_bytes(text.data(), text.size(), 0));
}

}  // namespace
}  // namespace ntkflow::test
