#include <cstdint>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/narrow.hpp>

namespace ntkflow::test {
namespace {

constexpr std::int64_t kMostInt = std::numeric_limits<int>::max();
constexpr std::int64_t kLeastInt = std::numeric_limits<int>::min();

TEST(NarrowTest, PassesWhatFits) {
  EXPECT_EQ(narrow<int>(kMostInt, "n"), std::numeric_limits<int>::max());
  EXPECT_EQ(narrow<int>(kLeastInt, "n"), std::numeric_limits<int>::min());
  EXPECT_EQ(narrow<std::size_t>(std::int64_t{5}, "n"), 5U);
}

TEST(NarrowTest, NamesWhatDoesNot) {
  EXPECT_THROW(static_cast<void>(narrow<int>(kMostInt + 1, "n")), ResourceError);
  EXPECT_THROW(static_cast<void>(narrow<int>(kLeastInt - 1, "n")), ResourceError);
  EXPECT_THROW(static_cast<void>(narrow<std::size_t>(std::int64_t{-1}, "n")), ResourceError);
  try {
    static_cast<void>(narrow<int>(std::uint64_t{1} << 40, "local elements"));
    FAIL();
  } catch (const ResourceError& error) {
    EXPECT_NE(std::string(error.what()).find("local elements = 1099511627776"), std::string::npos);
    EXPECT_EQ(error.exit_code(), ExitCode::resources);
  }
}

}  // namespace
}  // namespace ntkflow::test
