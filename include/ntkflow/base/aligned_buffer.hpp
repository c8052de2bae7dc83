#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

namespace ntkflow {

inline constexpr std::int64_t kAlignmentBytes = 64;

/// Suggests that the system back large memory with huge pages, so that its first use costs one page
/// fault per 2 MiB or so instead of one per 4 KiB. Small memory, and systems without transparent
/// huge pages or with them turned off, are left as they are. Local.
void prefer_huge_pages(void* data, std::int64_t bytes) noexcept;

/// Memory for `size` values, aligned to 64 bytes and padded to a multiple of 64 bytes, so that
/// whole SIMD vectors may be read and written past the end. Move only. Throws ResourceError when
/// the memory cannot be had. Pages are touched by the first write, not here.
template <class Value>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<Value>);

 public:
  AlignedBuffer() = default;
  /// Uninitialised.
  explicit AlignedBuffer(std::int64_t size) : size_(size) {
    if (const std::int64_t bytes = padded_bytes(size); bytes > 0) {
      own(std::aligned_alloc(kAlignmentBytes, static_cast<std::size_t>(bytes)), bytes);
    }
  }
  /// Zero. Large memory comes as the system's pages of zeros, which become real only where they are
  /// written, as huge pages where the system has them.
  [[nodiscard]] static AlignedBuffer zeroed(std::int64_t size) {
    AlignedBuffer buffer;
    if (const std::int64_t bytes = padded_bytes(size); bytes > 0) {
      // calloc knows which memory is zero already, but not our alignment.
      buffer.own(std::calloc(static_cast<std::size_t>(bytes) + kAlignmentBytes, 1), bytes);
      prefer_huge_pages(buffer.data(), bytes);
    }
    buffer.size_ = size;
    return buffer;
  }

  [[nodiscard]] Value* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  [[nodiscard]] std::int64_t bytes() const noexcept {
    return size_ * static_cast<std::int64_t>(sizeof(Value));
  }
  Value& operator[](std::int64_t i) const {
    NTKFLOW_ASSERT(i >= 0 && i < size_, i, size_);
    return data_.get()[i];
  }

 private:
  /// The aligned data may begin behind the start of the block that malloc gave.
  struct Free {
    void* block = nullptr;
    void operator()(Value* /*data*/) const noexcept { std::free(block); }
  };

  static std::int64_t padded_bytes(std::int64_t size) {
    NTKFLOW_EXPECTS(size >= 0, size);
    constexpr auto kValueBytes = static_cast<std::int64_t>(sizeof(Value));
    if (size > (INT64_MAX - kAlignmentBytes) / kValueBytes) {
      throw ResourceError("a buffer of " + std::to_string(size) + " values overflows 64-bit sizes");
    }
    return (size * kValueBytes + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
  }

  /// Takes a block of malloc's with at least `bytes` from its first multiple of the alignment on.
  void own(void* block, std::int64_t bytes) {
    if (block == nullptr) {
      throw ResourceError("cannot allocate " + std::to_string(bytes) + " bytes of memory");
    }
    const auto misalignment =
        static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(block) % kAlignmentBytes);
    const std::size_t skipped = misalignment == 0 ? 0 : kAlignmentBytes - misalignment;
    data_ = {reinterpret_cast<Value*>(static_cast<char*>(block) + skipped), Free{block}};
  }

  std::unique_ptr<Value, Free> data_;
  std::int64_t size_ = 0;
};

}  // namespace ntkflow
