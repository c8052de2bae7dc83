#include "byte_source.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <ntkflow/base/error.hpp>

namespace ntkflow {
namespace {

std::string reason() {
  return std::strerror(errno);
}

[[noreturn]] void throw_wrong_size(const std::string& path, const std::string& found,
                                   std::int64_t expected) {
  throw DataError("'" + path + "' holds " + found + " bytes where its header promises " +
                  std::to_string(expected) + "; the file is cut off or damaged, fetch it again");
}

/// An open regular file, read by position.
class File {
 public:
  explicit File(std::string path) : path_(std::move(path)) {
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) {
      throw IoError("cannot open '" + path_ + "': " + reason());
    }
    struct stat status {};
    if (::fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
      ::close(descriptor_);
      throw IoError("'" + path_ + "' is not a regular file");
    }
    size_ = status.st_size;
  }
  File(File&& other) noexcept
      : path_(std::move(other.path_)),
        descriptor_(std::exchange(other.descriptor_, -1)),
        size_(other.size_) {}
  File& operator=(File&&) = delete;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }

  std::int64_t read_at(std::int64_t offset, void* bytes, std::int64_t count) const {
    std::int64_t done = 0;
    while (done < count) {
      const ssize_t got = ::pread(descriptor_, static_cast<char*>(bytes) + done,
                                  static_cast<std::size_t>(count - done), offset + done);
      if (got < 0 && errno == EINTR) {
        continue;
      }
      if (got < 0) {
        throw IoError("cannot read '" + path_ + "': " + reason());
      }
      if (got == 0) {
        break;
      }
      done += got;
    }
    return done;
  }

 private:
  std::string path_;
  int descriptor_ = -1;
  std::int64_t size_ = 0;
};

bool starts_gzip(const File& file, std::int64_t offset) {
  std::array<unsigned char, 2> magic{};
  return file.read_at(offset, magic.data(), 2) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

class PlainSource final : public ByteSource {
 public:
  explicit PlainSource(File file) : ByteSource(file.path()), file_(std::move(file)) {}

  std::int64_t read_at(std::int64_t offset, void* bytes, std::int64_t count) override {
    return file_.read_at(offset, bytes, count);
  }
  [[nodiscard]] std::int64_t size_limit() const override { return file_.size(); }
  void expect_size(std::int64_t count) override {
    if (file_.size() != count) {
      throw_wrong_size(path(), std::to_string(file_.size()), count);
    }
  }

 private:
  File file_;
};

/// zlib's own gzread reports a file cut in the middle as its end, delivers data before a wrong
/// checksum and ignores what follows; so this drives `inflate` itself and refuses all three.
class GzipSource final : public ByteSource {
 public:
  explicit GzipSource(File file)
      : ByteSource(file.path()), file_(std::move(file)), input_(kChunkBytes) {
    constexpr int kGzipOnly = 16;
    if (inflateInit2(&stream_, MAX_WBITS + kGzipOnly) != Z_OK) {
      throw ResourceError("cannot allocate memory to decompress '" + path() + "'");
    }
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;
  GzipSource(GzipSource&&) = delete;
  GzipSource& operator=(GzipSource&&) = delete;
  ~GzipSource() override { inflateEnd(&stream_); }

  std::int64_t read_at(std::int64_t offset, void* bytes, std::int64_t count) override {
    if (offset < position_) {
      restart_at(0);
      position_ = 0;
      ended_ = false;
    }
    skip(offset - position_);
    std::int64_t done = 0;
    while (done < count) {
      const std::int64_t got = inflate_some(static_cast<char*>(bytes) + done, count - done);
      if (got == 0) {
        break;
      }
      done += got;
    }
    return done;
  }

  [[nodiscard]] std::int64_t size_limit() const override {
    // Deflate codes at most 258 bytes in 2 bits, so it never exceeds this ratio.
    constexpr std::int64_t kLargestRatio = 1032;
    return file_.size() > INT64_MAX / kLargestRatio ? INT64_MAX : file_.size() * kLargestRatio;
  }

  void expect_size(std::int64_t count) override {
    if (position_ <= count) {
      skip(count + 1 - position_);
    }
    if (position_ > count) {
      throw_wrong_size(path(), "more than " + std::to_string(count), count);
    }
    if (position_ < count) {
      throw_wrong_size(path(), std::to_string(position_), count);
    }
  }

 private:
  static constexpr std::int64_t kChunkBytes = std::int64_t{1} << 17;

  void restart_at(std::int64_t offset) {
    inflateReset(&stream_);
    stream_.avail_in = 0;
    next_input_ = offset;
  }

  void skip(std::int64_t count) {
    std::vector<char> discarded(static_cast<std::size_t>(std::min(count, kChunkBytes)));
    while (count > 0) {
      const std::int64_t got = inflate_some(discarded.data(), std::min(count, kChunkBytes));
      if (got == 0) {
        return;
      }
      count -= got;
    }
  }

  /// Unpacks between 1 and `count` bytes; 0 only at the verified end of the file.
  std::int64_t inflate_some(void* bytes, std::int64_t count) {
    constexpr std::int64_t kLargestStep = std::int64_t{1} << 30;
    const auto wanted = static_cast<uInt>(std::min(count, kLargestStep));
    stream_.next_out = static_cast<Bytef*>(bytes);
    stream_.avail_out = wanted;
    while (!ended_ && stream_.avail_out == wanted) {
      if (stream_.avail_in == 0) {
        refill();
      }
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        finish_member();
      } else if (code == Z_MEM_ERROR) {
        throw ResourceError("cannot allocate memory to decompress '" + path() + "'");
      } else if (code != Z_OK) {
        throw DataError("'" + path() + "' is damaged: its gzip data is invalid before byte " +
                        std::to_string(consumed()) + " (" +
                        (stream_.msg != nullptr ? stream_.msg : "unknown reason") +
                        "); fetch it again");
      }
    }
    const auto got = static_cast<std::int64_t>(wanted - stream_.avail_out);
    position_ += got;
    return got;
  }

  void refill() {
    const std::int64_t got = file_.read_at(next_input_, input_.data(), kChunkBytes);
    if (got == 0) {
      throw DataError("'" + path() + "' is cut off: its gzip data has no end within the file's " +
                      std::to_string(next_input_) + " bytes; fetch it again");
    }
    next_input_ += got;
    stream_.next_in = input_.data();
    stream_.avail_in = static_cast<uInt>(got);
  }

  [[nodiscard]] std::int64_t consumed() const {
    return next_input_ - static_cast<std::int64_t>(stream_.avail_in);
  }

  /// A gzip file may be several members in a row (RFC 1952, section 2.2), and nothing else.
  void finish_member() {
    const std::int64_t end = consumed();
    if (end == file_.size()) {
      ended_ = true;
    } else if (starts_gzip(file_, end)) {
      restart_at(end);
    } else {
      throw DataError("'" + path() + "' has " + std::to_string(file_.size() - end) +
                      " bytes after the end of its gzip data at byte " + std::to_string(end) +
                      "; fetch it again");
    }
  }

  File file_;
  std::vector<Bytef> input_;
  z_stream stream_{};
  std::int64_t next_input_ = 0;  ///< offset in the file behind what `input_` holds
  std::int64_t position_ = 0;    ///< unpacked bytes delivered so far
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_bytes(const std::string& path) {
  File file(path);
  if (file.size() == 0) {
    throw DataError("'" + path + "' is empty");
  }
  if (starts_gzip(file, 0)) {
    return std::make_unique<GzipSource>(std::move(file));
  }
  return std::make_unique<PlainSource>(std::move(file));
}

}  // namespace ntkflow
