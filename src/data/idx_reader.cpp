#include "idx_reader.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <optional>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

#include "hexadecimal.hpp"

namespace ntkflow {
namespace {

std::optional<std::int64_t> value_bytes_of(unsigned type) {
  switch (type) {
    case 0x08:
    case 0x09:
      return 1;
    case 0x0B:
      return 2;
    case 0x0C:
    case 0x0D:
      return 4;
    case 0x0E:
      return 8;
    default:
      return std::nullopt;
  }
}

template <std::unsigned_integral Word>
Word big_endian(const std::byte* bytes) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < sizeof(Word); ++i) {
    word = word << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  }
  return static_cast<Word>(word);
}

template <class Value, std::unsigned_integral Word>
void decode(std::span<const std::byte> bytes, std::span<double> values) {
  static_assert(sizeof(Value) == sizeof(Word));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<double>(
        std::bit_cast<Value>(big_endian<Word>(bytes.data() + i * sizeof(Word))));
  }
}

std::string text_of(std::byte byte) {
  return hexadecimal(std::to_integer<std::uint64_t>(byte), 2);
}

}  // namespace

IdxHeader parse_idx_header(std::span<const std::byte> prefix, const std::string& name) {
  const auto available = static_cast<std::int64_t>(prefix.size());
  const auto require = [&](std::int64_t bytes) {
    if (available < bytes) {
      throw DataError("'" + name + "' ends after " + std::to_string(available) +
                      " bytes, inside its IDX header of at least " + std::to_string(bytes) +
                      " bytes; the file is cut off or no IDX file");
    }
  };
  require(4);
  if (prefix[0] != std::byte{0} || prefix[1] != std::byte{0}) {
    throw DataError("'" + name + "' is not an IDX file: it begins with the bytes " +
                    text_of(prefix[0]) + " " + text_of(prefix[1]) + ", not 00 00");
  }
  const auto value_bytes = value_bytes_of(std::to_integer<unsigned>(prefix[2]));
  if (!value_bytes) {
    throw DataError("'" + name + "' is not an IDX file: its type code " + text_of(prefix[2]) +
                    " (third byte) is none of 08, 09, 0b, 0c, 0d, 0e");
  }
  const auto axes = std::to_integer<std::int64_t>(prefix[3]);
  if (axes == 0) {
    throw DataError("'" + name + "' is an IDX file without axes (fourth byte 0)");
  }
  IdxHeader header;
  header.type = static_cast<IdxType>(prefix[2]);
  header.value_bytes = *value_bytes;
  header.header_bytes = 4 + 4 * axes;
  require(header.header_bytes);
  header.values_per_row = 1;
  std::int64_t bytes = *value_bytes;
  for (std::int64_t axis = 0; axis < axes; ++axis) {
    const auto extent =
        static_cast<std::int64_t>(big_endian<std::uint32_t>(prefix.data() + 4 + 4 * axis));
    if (extent == 0) {
      throw DataError("'" + name + "' holds no data: extent " + std::to_string(axis) +
                      " in its IDX header is 0");
    }
    if (bytes > (INT64_MAX - header.header_bytes) / extent) {
      throw DataError("'" + name +
                      "' has an invalid IDX header: the product of its extents overflows 64 bits");
    }
    bytes *= extent;
    if (axis == 0) {
      header.rows = extent;
    } else {
      header.values_per_row *= extent;
    }
  }
  return header;
}

void decode_idx_values(IdxType type, std::span<const std::byte> bytes, std::span<double> values) {
  switch (type) {
    case IdxType::uint8:
      return decode<std::uint8_t, std::uint8_t>(bytes, values);
    case IdxType::int8:
      return decode<std::int8_t, std::uint8_t>(bytes, values);
    case IdxType::int16:
      return decode<std::int16_t, std::uint16_t>(bytes, values);
    case IdxType::int32:
      return decode<std::int32_t, std::uint32_t>(bytes, values);
    case IdxType::float32:
      return decode<float, std::uint32_t>(bytes, values);
    case IdxType::float64:
      return decode<double, std::uint64_t>(bytes, values);
  }
}

IdxReader::IdxReader(const std::string& path) : bytes_(open_bytes(path)) {
  std::array<std::byte, kLargestIdxHeader> prefix{};
  const std::int64_t available = bytes_->read_at(0, prefix.data(), kLargestIdxHeader);
  header_ = parse_idx_header(std::span(prefix).first(static_cast<std::size_t>(available)), path);
  // Before anything is allocated by these sizes.
  if (header_.file_bytes() > bytes_->size_limit()) {
    throw DataError("'" + path + "' promises " + std::to_string(header_.file_bytes()) +
                    " bytes in its IDX header but cannot hold more than " +
                    std::to_string(bytes_->size_limit()) +
                    "; the file is cut off or damaged, fetch it again");
  }
}

void IdxReader::read(std::span<const std::int64_t> rows, MatrixView<double> values) {
  NTKFLOW_EXPECTS(values.rows == header_.values_per_row &&
                      values.cols == static_cast<std::int64_t>(rows.size()),
                  values.rows, values.cols, rows.size());
  constexpr std::int64_t kBufferBytes = std::int64_t{1} << 20;
  const std::int64_t row_bytes = header_.row_bytes();
  const std::int64_t buffer_rows = std::max<std::int64_t>(1, kBufferBytes / row_bytes);
  std::vector<std::byte> buffer(static_cast<std::size_t>(
      std::min(buffer_rows, static_cast<std::int64_t>(rows.size())) * row_bytes));
  for_each_run(rows, buffer_rows, [&](std::int64_t begin, std::int64_t count) {
    const std::int64_t offset = header_.header_bytes + rows[begin] * row_bytes;
    const std::int64_t got = bytes_->read_at(offset, buffer.data(), count * row_bytes);
    if (got < count * row_bytes) {
      throw DataError("'" + path() + "' ends after " + std::to_string(offset + got) +
                      " bytes where its IDX header promises " +
                      std::to_string(header_.file_bytes()) +
                      "; the file is cut off or damaged, fetch it again");
    }
    for (std::int64_t j = 0; j < count; ++j) {
      decode_idx_values(header_.type,
                        std::span(buffer).subspan(static_cast<std::size_t>(j * row_bytes),
                                                  static_cast<std::size_t>(row_bytes)),
                        std::span(values.column(begin + j), static_cast<std::size_t>(values.rows)));
    }
  });
}

IdxSource::IdxSource(const DataFiles& files) : inputs_(files.inputs), targets_(files.targets) {
  if (inputs_.header().rows != targets_.header().rows) {
    throw DataError("'" + files.inputs + "' holds " + std::to_string(inputs_.header().rows) +
                    " samples but '" + files.targets + "' holds " +
                    std::to_string(targets_.header().rows) + " targets");
  }
}

void IdxSource::read_inputs(std::span<const std::int64_t> rows, MatrixView<double> samples) {
  inputs_.read(rows, samples);
}

void IdxSource::read_targets(std::span<const std::int64_t> rows, MatrixView<double> targets) {
  targets_.read(rows, targets);
}

}  // namespace ntkflow
