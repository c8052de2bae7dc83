#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace ntkflow {

/// The last `digits` hexadecimal digits of a number, lower case, with leading zeros. Local.
inline std::string hexadecimal(std::uint64_t value, std::size_t digits) {
  std::string text(digits, '0');
  for (auto digit = text.rbegin(); digit != text.rend(); ++digit, value >>= 4) {
    *digit = "0123456789abcdef"[value & 15];
  }
  return text;
}

}  // namespace ntkflow
