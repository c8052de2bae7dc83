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

/// Uninitialised memory for `size` values, aligned to 64 bytes and padded to a multiple of 64
/// bytes, so that whole SIMD vectors may be read and written past the end. Move only. Throws
/// ResourceError when the memory cannot be had. Pages are touched by the first write, not here.
template <class Value>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<Value>);

 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::int64_t size) : size_(size) {
    NTKFLOW_EXPECTS(size >= 0, size);
    if (size == 0) {
      return;
    }
    constexpr auto kValueBytes = static_cast<std::int64_t>(sizeof(Value));
    if (size > (INT64_MAX - kAlignmentBytes) / kValueBytes) {
      throw ResourceError("a buffer of " + std::to_string(size) + " values overflows 64-bit sizes");
    }
    const std::int64_t bytes =
        (size * kValueBytes + kAlignmentBytes - 1) / kAlignmentBytes * kAlignmentBytes;
    data_.reset(
        static_cast<Value*>(std::aligned_alloc(kAlignmentBytes, static_cast<std::size_t>(bytes))));
    if (!data_) {
      throw ResourceError("cannot allocate " + std::to_string(bytes) + " bytes of memory");
    }
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
  struct Free {
    void operator()(Value* p) const noexcept { std::free(p); }
  };
  std::unique_ptr<Value, Free> data_;
  std::int64_t size_ = 0;
};

}  // namespace ntkflow
