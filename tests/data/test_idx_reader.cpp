#include <cmath>
#include <cstring>
#include <limits>

#include <ntkflow/base/matrix.hpp>

#include "data_files.hpp"
#include "idx_reader.hpp"

namespace ntkflow {
namespace {

using test::expect_error;
using test::gzipped;
using test::idx_bytes;
using test::idx_header;

IdxHeader parse(const std::string& bytes) {
  return parse_idx_header(std::as_bytes(std::span(bytes)), "some file");
}

TEST(ParseIdxHeaderTest, ReadsExtents) {
  const IdxHeader header = parse(idx_header(0x08, {60000, 28, 28}));

  EXPECT_EQ(header.type, IdxType::uint8);
  EXPECT_EQ(header.header_bytes, 16);
  EXPECT_EQ(header.rows, 60000);
  EXPECT_EQ(header.values_per_row, 784);
  EXPECT_EQ(header.file_bytes(), 47040016);
}

TEST(ParseIdxHeaderTest, OneAxisIsOneValuePerRow) {
  const IdxHeader header = parse(idx_header(0x0E, {7}));

  EXPECT_EQ(header.values_per_row, 1);
  EXPECT_EQ(header.file_bytes(), 8 + 7 * 8);
}

TEST(ParseIdxHeaderTest, RefusesAHeaderCutAtEachByte) {
  const std::string bytes = idx_header(0x08, {3, 4, 5});
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    expect_error<DataError>([&] { parse(bytes.substr(0, length)); },
                            {"some file", "after " + std::to_string(length) + " bytes"});
  }
  EXPECT_NO_THROW(parse(bytes));
}

TEST(ParseIdxHeaderTest, RefusesWrongMagic) {
  expect_error<DataError>([] { parse("\x89PNG...."); }, {"not an IDX file", "89 50"});
  for (int type = 0; type < 256; ++type) {
    const bool is_known = type == 0x08 || type == 0x09 || type == 0x0B || type == 0x0C ||
                          type == 0x0D || type == 0x0E;
    if (is_known) {
      EXPECT_NO_THROW(parse(idx_header(type, {2})));
    } else {
      expect_error<DataError>([&] { parse(idx_header(type, {2})); }, {"type code"});
    }
  }
  expect_error<DataError>([] { parse(idx_header(0x08, {})); }, {"without axes"});
}

TEST(ParseIdxHeaderTest, RefusesEmptyData) {
  expect_error<DataError>([] { parse(idx_header(0x08, {0, 28, 28})); }, {"no data", "extent 0"});
  expect_error<DataError>([] { parse(idx_header(0x08, {5, 0})); }, {"no data", "extent 1"});
}

TEST(ParseIdxHeaderTest, RefusesProductsThatWrap) {
  const std::uint32_t half = 1u << 31;
  // 2^32 fits 64 bits and must not be taken for 0; 2^63, 2^64 and 2^66 do not.
  EXPECT_EQ(parse(idx_header(0x08, {2, half})).rows * half, std::int64_t{1} << 32);
  expect_error<DataError>([&] { parse(idx_header(0x08, {half, half, 2})); }, {"overflows"});
  expect_error<DataError>([&] { parse(idx_header(0x08, {half, half, 4})); }, {"overflows"});
  expect_error<DataError>([&] { parse(idx_header(0x0E, {half, half, 2})); }, {"overflows"});
  expect_error<DataError>(
      [&] { parse(idx_header(0x08, std::vector<std::uint32_t>(255, 0xffffffffu))); },
      {"overflows"});
  EXPECT_NO_THROW(parse(idx_header(0x08, std::vector<std::uint32_t>(255, 1))));
}

TEST(DecodeIdxValuesTest, KnowsEveryType) {
  const auto decoded = [](IdxType type, const std::string& bytes) {
    double value = 0.0;
    decode_idx_values(type, std::as_bytes(std::span(bytes)), std::span(&value, 1));
    return value;
  };
  EXPECT_EQ(decoded(IdxType::uint8, "\xff"), 255.0);
  EXPECT_EQ(decoded(IdxType::int8, "\xff"), -1.0);
  EXPECT_EQ(decoded(IdxType::int16, std::string("\x80\x00", 2)), -32768.0);
  EXPECT_EQ(decoded(IdxType::int16, std::string("\x01\x02", 2)), 258.0);
  EXPECT_EQ(decoded(IdxType::int32, "\xff\xff\xff\xfe"), -2.0);
  EXPECT_EQ(decoded(IdxType::float32, std::string("\x3f\xc0\x00\x00", 4)), 1.5);
  EXPECT_EQ(decoded(IdxType::float64, std::string("\xc0\x04\0\0\0\0\0\0", 8)), -2.5);
}

class IdxReaderTest : public testing::Test {
 protected:
  static int value(std::int64_t i) { return static_cast<int>((i * 37 + i / 256) % 256); }

  void expect_rows(IdxReader& reader, const std::vector<std::int64_t>& rows) {
    Matrix<double> values(reader.header().values_per_row, static_cast<std::int64_t>(rows.size()));
    reader.read(rows, values.view());
    for (std::int64_t i = 0; i < values.cols(); ++i) {
      for (std::int64_t j = 0; j < values.rows(); ++j) {
        ASSERT_EQ(values(j, i), value(rows[static_cast<std::size_t>(i)] * values.rows() + j));
      }
    }
  }

  test::TemporaryFolder folder_;
};

TEST_F(IdxReaderTest, ReadsChosenRowsOfPlainAndCompressedFiles) {
  const std::string bytes = idx_bytes({1013, 31, 41}, value);
  for (const auto& path :
       {folder_.write("plain", bytes), folder_.write("packed", gzipped(bytes))}) {
    IdxReader reader(path);
    EXPECT_EQ(reader.header().rows, 1013);
    std::vector<std::int64_t> all(1013);
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i] = static_cast<std::int64_t>(i);
    }
    expect_rows(reader, {});
    expect_rows(reader, all);
    expect_rows(reader, {0});
    expect_rows(reader, {1012});
    expect_rows(reader, {3, 4, 5, 9, 500, 502, 503, 1012});
    EXPECT_NO_THROW(reader.verify());
  }
}

TEST_F(IdxReaderTest, RefusesLengthsThatTheHeaderDoesNotPromise) {
  const std::string bytes = idx_bytes({5, 3}, value);
  const std::string cut = bytes.substr(0, bytes.size() - 1);
  const std::string longer = bytes + "x";

  expect_error<DataError>([&] { IdxReader(folder_.write("cut", cut)); }, {"cut", "26", "27"});
  IdxReader plain(folder_.write("longer", longer));
  expect_error<DataError>([&] { plain.verify(); }, {"longer", "28", "27"});
  IdxReader cut_packed(folder_.write("cut.gz", gzipped(cut)));
  expect_error<DataError>([&] { cut_packed.verify(); }, {"cut.gz", "26", "27"});
  const std::vector<std::int64_t> last{4};
  Matrix<double> values(3, 1);
  expect_error<DataError>([&] { cut_packed.read(last, values.view()); }, {"cut.gz", "26", "27"});
  IdxReader longer_packed(folder_.write("longer.gz", gzipped(longer)));
  expect_error<DataError>([&] { longer_packed.verify(); }, {"longer.gz", "27"});
}

TEST_F(IdxReaderTest, RefusesSizesThatTheFileCannotHold) {
  const std::string bytes = idx_header(0x08, {1u << 31, 1u << 20});  // 2 PiB in 12 bytes

  expect_error<DataError>([&] { IdxReader(folder_.write("plain", bytes)); }, {"cannot hold"});
  expect_error<DataError>([&] { IdxReader(folder_.write("packed", gzipped(bytes))); },
                          {"cannot hold"});
}

TEST_F(IdxReaderTest, SourceRefusesDifferentCounts) {
  const auto inputs = folder_.write("inputs", idx_bytes({5, 3}, value));
  const auto targets = folder_.write("targets", idx_bytes({4}, value));

  expect_error<DataError>([&] { IdxSource({inputs, targets}); }, {"5 samples", "4 targets"});
}

}  // namespace
}  // namespace ntkflow
