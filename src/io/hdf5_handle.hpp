#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <hdf5.h>

#include <ntkflow/base/error.hpp>

/// What the reader and the writer share of the HDF5 C library: owned identifiers, return codes as
/// exceptions, names and numbers. Everything here is local.
namespace ntkflow::hdf5 {

/// A failed call of the library; the text is the library's own, innermost cause first.
class CallError : public IoError {
 public:
  using IoError::IoError;
};

/// Keeps the library from printing its error stack, whose text goes into exceptions instead.
void silence();

[[noreturn]] void throw_call_error(const char* call);

/// Passes a result of the library through; a negative one becomes a CallError.
template <class Result>
Result check(Result result, const char* call) {
  if (result < 0) {
    throw_call_error(call);
  }
  return result;
}

/// An identifier of the library and the function that closes it.
class Handle {
 public:
  using Close = herr_t (*)(hid_t);

  Handle() = default;
  /// Owns `id`, the result of `call`; throws CallError when it is invalid.
  Handle(hid_t id, Close closer, const char* call) : id_(check(id, call)), close_(closer) {}
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() {
    if (id_ >= 0) {
      close_(id_);
    }
  }

  [[nodiscard]] hid_t get() const noexcept { return id_; }
  /// As destruction, but with a CallError when closing fails.
  void close() {
    if (id_ >= 0) {
      check(close_(std::exchange(id_, H5I_INVALID_HID)), "close");
    }
  }

 private:
  hid_t id_ = H5I_INVALID_HID;
  Close close_ = nullptr;
};

/// The components of a path such as "/a/b", empty for the root.
std::vector<std::string> split_path(const std::string& path);

/// A data space of these extents, scalar when there are none.
Handle make_space(const std::vector<std::int64_t>& extents);

/// Fixed-length UTF-8, padded with zeros, of at least one byte (the library knows no empty type).
Handle make_string_type(std::size_t length);

/// Product of extents, or nothing sensible: false when it overflows.
bool product(const std::vector<std::int64_t>& extents, std::int64_t& result);

}  // namespace ntkflow::hdf5
