#pragma once

#include <concepts>
#include <string>
#include <utility>

#include <ntkflow/base/error.hpp>

namespace ntkflow {

/// Converts between integer types, with a ResourceError that names the quantity when the value does
/// not fit. Used at every border to a library with 32-bit integers. Local.
template <std::integral To, std::integral From>
To narrow(From value, const char* quantity) {
  if (!std::in_range<To>(value)) {
    throw ResourceError(
        std::string(quantity) + " = " + std::to_string(value) +
        " exceeds the 32-bit integers of the library it is passed to; use more ranks");
  }
  return static_cast<To>(value);
}

}  // namespace ntkflow
