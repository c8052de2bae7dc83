#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "byte_source.hpp"
#include "sample_source.hpp"

namespace ntkflow {

/// Type codes of the IDX format; all numbers are big-endian. Ref: LeCun, Cortes and Burges, "The
/// MNIST database", section "The IDX file format".
enum class IdxType : unsigned char {
  uint8 = 0x08,
  int8 = 0x09,
  int16 = 0x0B,
  int32 = 0x0C,
  float32 = 0x0D,
  float64 = 0x0E
};

/// What the first bytes of an IDX file say. Sizes are checked: their product fits 64 bits.
struct IdxHeader {
  IdxType type = IdxType::uint8;
  std::int64_t header_bytes = 0;
  std::int64_t value_bytes = 0;
  std::int64_t rows = 0;            ///< first extent: the number of samples
  std::int64_t values_per_row = 0;  ///< product of the further extents

  [[nodiscard]] std::int64_t row_bytes() const { return values_per_row * value_bytes; }
  [[nodiscard]] std::int64_t file_bytes() const { return header_bytes + rows * row_bytes(); }
};

/// The longest header: four bytes and 255 extents of four bytes.
inline constexpr std::int64_t kLargestIdxHeader = 4 + 4 * 255;

/// Parses the header from the first bytes of a file (all of a file shorter than the longest
/// header). Local. @param name  of the file, for messages. Throws DataError.
IdxHeader parse_idx_header(std::span<const std::byte> prefix, const std::string& name);

/// Converts big-endian numbers of an IDX file to double. Local. @pre bytes holds values.size()
/// numbers.
void decode_idx_values(IdxType type, std::span<const std::byte> bytes, std::span<double> values);

/// One IDX file, plain or gzip, read by rows. Local, every member. Throws IoError or DataError.
class IdxReader {
 public:
  explicit IdxReader(const std::string& path);

  [[nodiscard]] const IdxHeader& header() const noexcept { return header_; }
  [[nodiscard]] const std::string& path() const noexcept { return bytes_->path(); }
  /// Reads rows, ascending, into values [values_per_row x rows.size()].
  void read(std::span<const std::int64_t> rows, MatrixView<double> values);
  /// Checks that the file ends where its header says, and for gzip its checksums.
  void verify() { bytes_->expect_size(header_.file_bytes()); }

 private:
  std::unique_ptr<ByteSource> bytes_;
  IdxHeader header_;
};

/// Inputs and targets in two IDX files with the same number of rows.
class IdxSource final : public SampleSource {
 public:
  explicit IdxSource(const DataFiles& files);

  [[nodiscard]] std::int64_t size() const override { return inputs_.header().rows; }
  [[nodiscard]] std::int64_t dimension() const override { return inputs_.header().values_per_row; }
  [[nodiscard]] std::int64_t target_columns() const override {
    return targets_.header().values_per_row;
  }
  void read_inputs(std::span<const std::int64_t> rows, MatrixView<double> samples) override;
  void read_targets(std::span<const std::int64_t> rows, MatrixView<double> targets) override;
  void verify_inputs() override { inputs_.verify(); }
  void verify_targets() override { targets_.verify(); }
  [[nodiscard]] std::string inputs_name() const override { return inputs_.path(); }
  [[nodiscard]] std::string targets_name() const override { return targets_.path(); }

 private:
  IdxReader inputs_;
  IdxReader targets_;
};

}  // namespace ntkflow
