#include "ntkflow/base/random.hpp"

#include <cmath>
#include <numbers>

#include <Random123/philox.h>

namespace ntkflow {
namespace {

r123::Philox4x64::ctr_type block(std::uint64_t seed, std::uint64_t stream, std::uint64_t i,
                                 std::uint64_t j) {
  return r123::Philox4x64{}({{i, j, 0, 0}}, {{seed, stream}});
}

/// 52 random bits centred in their cell: never 0, never 1. (With 53, the centre of the last cell
/// would round to 1.)
double to_unit(std::uint64_t bits) {
  return (static_cast<double>(bits >> 12) + 0.5) * 0x1.0p-52;
}

}  // namespace

std::uint64_t RandomStream::bits(std::uint64_t i, std::uint64_t j) const {
  return block(seed_, stream_, i, j)[0];
}

double RandomStream::uniform(std::uint64_t i, std::uint64_t j) const {
  return to_unit(bits(i, j));
}

double RandomStream::normal(std::uint64_t i, std::uint64_t j) const {
  const auto words = block(seed_, stream_, i, j);
  return std::sqrt(-2.0 * std::log(to_unit(words[0]))) *
         std::cos(2.0 * std::numbers::pi * to_unit(words[1]));
}

}  // namespace ntkflow
