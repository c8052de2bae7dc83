#pragma once

#include <string>
#include <string_view>

namespace ntkflow::config {

/// A TOML basic string. Local.
std::string toml_string(std::string_view text);

/// A TOML float that reads back as the same double. Local.
std::string toml_float(double value);

/// Whether the bytes are well-formed UTF-8, as TOML requires. Local. Ref: RFC 3629, section 4.
bool is_utf8(std::string_view text);

}  // namespace ntkflow::config
