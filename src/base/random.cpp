#include "ntkflow/base/random.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <numbers>

#include <Random123/philox.h>

namespace ntkflow {
namespace {

/// What the words of a block are used for, so that no two uses meet.
enum class Use : std::uint64_t { single = 0, bulk = 1 };

r123::Philox4x64::ctr_type block(std::uint64_t seed, std::uint64_t stream, std::uint64_t i,
                                 std::uint64_t j, Use use) {
  return r123::Philox4x64{}({{i, j, static_cast<std::uint64_t>(use), 0}}, {{seed, stream}});
}

/// 52 random bits centred in their cell: never 0, never 1. (With 53, the centre of the last cell
/// would round to 1.)
double to_unit(std::uint64_t bits) {
  return (static_cast<double>(bits >> 12) + 0.5) * 0x1.0p-52;
}

/// Taylor coefficients of sin(pi t / 2) / t (lowest = 1) or cos(pi t / 2) (lowest = 0) in t^2.
template <std::size_t kCount>
constexpr std::array<double, kCount> quarter_turn_series(int lowest) {
  constexpr long double kQuarter = std::numbers::pi_v<long double> / 2;
  std::array<double, kCount> coefficients{};
  long double term = lowest == 1 ? kQuarter : 1;
  int power = lowest;
  for (double& coefficient : coefficients) {
    coefficient = static_cast<double>(term);
    term *= -kQuarter * kQuarter / static_cast<long double>((power + 1) * (power + 2));
    power += 2;
  }
  return coefficients;
}

template <std::size_t kCount>
double polynomial(const std::array<double, kCount>& coefficients, double z) {
  double sum = coefficients[kCount - 1];
  for (std::size_t k = kCount - 1; k > 0; --k) {
    sum = sum * z + coefficients[k - 1];
  }
  return sum;
}

/// `value` with its sign turned if the first bit is set.
double turn_sign(double value, std::uint64_t bits) {
  constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(value) ^ (bits & kSign));
}

/// Box-Muller: both coordinates of a point at a random angle. Two bits of the word choose the
/// quadrant and the others the angle pi / 4 + a within it, |a| < pi / 4, whose cosine and sine are
/// (cos a -+ sin a) / sqrt(2); there short series serve, to an eps of the radius, at half the time
/// of the library's functions for any angle.
std::array<double, 2> normal_pair(std::uint64_t radius_bits, std::uint64_t angle_bits) {
  static constexpr auto kSine = quarter_turn_series<8>(1);
  static constexpr auto kCosine = quarter_turn_series<9>(0);
  const double t = to_unit(angle_bits << 2) - 0.5;
  const double sine = t * polynomial(kSine, t * t);
  const double cosine = polynomial(kCosine, t * t);
  const double radius = std::sqrt(-std::log(to_unit(radius_bits)));  // over sqrt(2)
  return {turn_sign(radius * (cosine - sine), angle_bits),
          turn_sign(radius * (cosine + sine), angle_bits << 1)};
}

/// Number k of block b is element 4 b + k of the row.
std::array<double, 4> normal_block(std::uint64_t seed, std::uint64_t stream, std::uint64_t i,
                                   std::uint64_t b) {
  const auto words = block(seed, stream, i, b, Use::bulk);
  const auto [first, second] = normal_pair(words[0], words[1]);
  const auto [third, fourth] = normal_pair(words[2], words[3]);
  return {first, second, third, fourth};
}

template <class Real>
void fill_normals(std::uint64_t seed, std::uint64_t stream, std::uint64_t i, std::uint64_t first,
                  std::span<Real> values) {
  const auto to_real = [](double value) { return static_cast<Real>(value); };
  std::uint64_t b = first / 4;
  if (const std::size_t skipped = first % 4; skipped > 0) {
    const auto normals = normal_block(seed, stream, i, b++);
    const std::size_t count = std::min(4 - skipped, values.size());
    std::transform(&normals[skipped], &normals[skipped] + count, values.begin(), to_real);
    values = values.subspan(count);
  }
  for (; values.size() >= 4; values = values.subspan(4)) {
    const auto normals = normal_block(seed, stream, i, b++);
    std::transform(normals.begin(), normals.end(), values.begin(), to_real);
  }
  if (!values.empty()) {
    const auto normals = normal_block(seed, stream, i, b);
    std::transform(normals.begin(), normals.begin() + values.size(), values.begin(), to_real);
  }
}

}  // namespace

std::uint64_t RandomStream::bits(std::uint64_t i, std::uint64_t j) const {
  return block(seed_, stream_, i, j, Use::single)[0];
}

double RandomStream::uniform(std::uint64_t i, std::uint64_t j) const {
  return to_unit(bits(i, j));
}

double RandomStream::normal(std::uint64_t i, std::uint64_t j) const {
  const auto words = block(seed_, stream_, i, j, Use::single);
  return std::sqrt(-2.0 * std::log(to_unit(words[0]))) *
         std::cos(2.0 * std::numbers::pi * to_unit(words[1]));
}

void RandomStream::normals(std::uint64_t i, std::uint64_t first, std::span<double> values) const {
  fill_normals(seed_, stream_, i, first, values);
}

void RandomStream::normals(std::uint64_t i, std::uint64_t first, std::span<float> values) const {
  fill_normals(seed_, stream_, i, first, values);
}

}  // namespace ntkflow
