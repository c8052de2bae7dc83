#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace ntkflow {

/// The bytes of one file as its format means them: plain, or those inside a gzip file. Local, every
/// member. Throws IoError for a file that cannot be read, DataError for one that is damaged.
class ByteSource {
 public:
  explicit ByteSource(std::string path) : path_(std::move(path)) {}
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  ByteSource(ByteSource&&) = delete;
  ByteSource& operator=(ByteSource&&) = delete;
  virtual ~ByteSource() = default;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

  /// Reads up to `count` bytes at `offset`; fewer only where the bytes end. Cheap when offsets
  /// ascend; a compressed file is decompressed again from its start when they do not.
  virtual std::int64_t read_at(std::int64_t offset, void* bytes, std::int64_t count) = 0;

  /// The most bytes that the file can hold: its size, or for gzip what its size can unpack to.
  [[nodiscard]] virtual std::int64_t size_limit() const = 0;

  /// Reads on to the end, verifies the checksums of a gzip file and that the bytes are `count` in
  /// number.
  virtual void expect_size(std::int64_t count) = 0;

 private:
  std::string path_;
};

/// Opens a file; its first two bytes, not its name, decide whether it is gzip. Local. Throws
/// IoError when it cannot be opened or is not a regular file, DataError when it is empty.
std::unique_ptr<ByteSource> open_bytes(const std::string& path);

}  // namespace ntkflow
