#include <numeric>

#include "byte_source.hpp"
#include "data_files.hpp"

namespace ntkflow {
namespace {

using test::expect_error;
using test::gzipped;

/// Incompressible enough to give several chunks, and different at each position.
std::string some_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  std::uint32_t state = 12345;
  for (char& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

std::string read_all(ByteSource& source, std::size_t count) {
  std::string bytes(count, '\0');
  bytes.resize(
      static_cast<std::size_t>(source.read_at(0, bytes.data(), static_cast<std::int64_t>(count))));
  return bytes;
}

class ByteSourceTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
};

TEST_F(ByteSourceTest, ReadsPlainAndCompressedAlike) {
  const std::string bytes = some_bytes(300'001);
  // The name says nothing: both ways round.
  for (const auto& path :
       {folder_.write("plain.gz", bytes), folder_.write("packed", gzipped(bytes))}) {
    const auto source = open_bytes(path);
    EXPECT_EQ(read_all(*source, bytes.size() + 10), bytes);
    std::string part(7, '\0');
    for (const std::int64_t offset : {200'000, 299'990, 5, 0, 299'999}) {
      const std::int64_t got = source->read_at(offset, part.data(), 7);
      EXPECT_EQ(part.substr(0, static_cast<std::size_t>(got)),
                bytes.substr(static_cast<std::size_t>(offset), 7))
          << path << " at " << offset;
    }
    EXPECT_EQ(source->read_at(1'000'000, part.data(), 7), 0);
    EXPECT_GE(source->size_limit(), 300'001);
    source->expect_size(300'001);
    expect_error<DataError>([&] { source->expect_size(300'002); }, {"300001", "300002"});
    expect_error<DataError>([&] { source->expect_size(300'000); }, {"300000"});
  }
}

TEST_F(ByteSourceTest, ReadsSeveralGzipMembersAsOne) {
  const auto source =
      open_bytes(folder_.write("two", gzipped("abc") + gzipped("") + gzipped("defg")));

  EXPECT_EQ(read_all(*source, 100), "abcdefg");
  EXPECT_NO_THROW(source->expect_size(7));
}

TEST_F(ByteSourceTest, RefusesGzipCutAnywhere) {
  const std::string bytes = some_bytes(100);
  const std::string packed = gzipped(bytes);

  for (std::size_t length = 2; length < packed.size(); ++length) {
    const auto source = open_bytes(folder_.write("cut", packed.substr(0, length)));
    expect_error<DataError>([&] { source->expect_size(100); }, {"cut off"});
  }
  EXPECT_NO_THROW(open_bytes(folder_.write("whole", packed))->expect_size(100));
}

TEST_F(ByteSourceTest, RefusesEveryFlippedByteOfGzipData) {
  const std::string packed = gzipped(some_bytes(100));
  constexpr std::size_t kHeaderBytes = 10;  // of which time, flags and system are not checked

  for (std::size_t at = kHeaderBytes; at < packed.size(); ++at) {
    std::string damaged = packed;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    const auto source = open_bytes(folder_.write("damaged", damaged));
    EXPECT_THROW(source->expect_size(100), DataError) << "byte " << at;
  }
}

TEST_F(ByteSourceTest, NamesAWrongChecksum) {
  std::string packed = gzipped("some text");
  packed[packed.size() - 8] = static_cast<char>(packed[packed.size() - 8] ^ 1);

  const auto source = open_bytes(folder_.write("wrong.gz", packed));

  expect_error<DataError>([&] { source->expect_size(9); },
                          {"wrong.gz", "incorrect data check", "fetch it again"});
}

TEST_F(ByteSourceTest, RefusesBytesAfterGzipData) {
  const std::string packed = gzipped("some text");

  for (const std::string& tail : {std::string("x"), std::string("\0\0", 2), packed.substr(0, 1)}) {
    const auto source = open_bytes(folder_.write("long.gz", packed + tail));
    expect_error<DataError>([&] { source->expect_size(9); },
                            {"long.gz", "after the end of its gzip data"});
  }
}

TEST_F(ByteSourceTest, RefusesWhatIsNoFile) {
  expect_error<IoError>([&] { open_bytes(folder_.file("absent")); }, {"absent", "No such file"});
  expect_error<IoError>([&] { open_bytes(folder_.path()); }, {"not a regular file"});
  expect_error<DataError>([&] { open_bytes(folder_.write("empty", "")); }, {"empty"});
}

}  // namespace
}  // namespace ntkflow
