#include "toml_text.hpp"

#include <cstdint>

#include <fmt/format.h>

namespace ntkflow::config {

namespace {

/// A form of UTF-8 sequence: its first byte under a mask, the bytes that follow, and the smallest
/// code point that may be written so.
struct Form {
  unsigned char mask, lead;
  int following;
  std::uint32_t smallest;
};
constexpr Form kForms[] = {
    {0x80, 0x00, 0, 0x0}, {0xe0, 0xc0, 1, 0x80}, {0xf0, 0xe0, 2, 0x800}, {0xf8, 0xf0, 3, 0x10000}};

}  // namespace

std::string toml_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      quoted += fmt::format("\\u{:04X}", static_cast<unsigned char>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

std::string toml_float(double value) {
  std::string text = fmt::format("{}", value);  // the shortest text that reads back the same
  // "inf" and "nan" are TOML as they are.
  if (text.find_first_of(".en") == std::string::npos) {
    text += ".0";
  }
  return text;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const Form* form = nullptr;
    for (const Form& candidate : kForms) {
      if ((lead & candidate.mask) == candidate.lead) {
        form = &candidate;
      }
    }
    if (form == nullptr || text.size() - i <= static_cast<std::size_t>(form->following)) {
      return false;
    }
    std::uint32_t code = lead & static_cast<unsigned char>(~form->mask);
    for (int j = 1; j <= form->following; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if ((next & 0xc0) != 0x80) {
        return false;
      }
      code = (code << 6) | (next & 0x3fU);
    }
    const bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < form->smallest || code > 0x10ffff || surrogate) {
      return false;
    }
    i += 1 + static_cast<std::size_t>(form->following);
  }
  return true;
}

}  // namespace ntkflow::config
