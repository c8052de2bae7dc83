#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ntkflow {

/// XXH3 64-bit hash of some bytes: fast, not cryptographic. Local.
std::uint64_t hash_bytes(const void* data, std::size_t size, std::uint64_t seed = 0);
inline std::uint64_t hash_text(std::string_view text) {
  return hash_bytes(text.data(), text.size());
}

}  // namespace ntkflow
