#include "tile.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <type_traits>

// Highway compiles this file once per instruction set and chooses at run time. Vectors of unknown
// length (SVE, RISC-V) cannot be members of a class and are left out; NEON serves ARM.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tile.cpp"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "atan_polynomial.hpp"

HWY_BEFORE_NAMESPACE();
namespace ntkflow::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

/// A SIMD vector with arithmetic, as the activations are written with. Its operations are no
/// friends defined in the class, because GCC forgets the instruction set of those.
template <class Real>
struct Pack {
  using Tag = hn::ScalableTag<Real>;
  using Vector = hn::Vec<Tag>;
  static constexpr auto kLanes = static_cast<std::int64_t>(hn::MaxLanes(Tag()));

  Vector vector;

  Pack() = default;
  explicit HWY_INLINE Pack(Vector values) : vector(values) {}
  explicit HWY_INLINE Pack(double value) : vector(hn::Set(Tag(), static_cast<Real>(value))) {}

  static HWY_INLINE Pack load(const Real* from) { return Pack(hn::LoadU(Tag(), from)); }
  static HWY_INLINE Pack broadcast(Real value) { return Pack(hn::Set(Tag(), value)); }
  HWY_INLINE void store(Real* to) const { hn::StoreU(vector, Tag(), to); }
};

template <class Real>
using Mask = hn::Mask<typename Pack<Real>::Tag>;

template <class Real>
HWY_INLINE Pack<Real> operator+(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Add(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> operator-(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Sub(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> operator*(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Mul(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> operator/(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Div(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> operator-(Pack<Real> a) {
  return Pack<Real>(hn::Neg(a.vector));
}
template <class Real>
HWY_INLINE Mask<Real> operator>(Pack<Real> a, Pack<Real> b) {
  return hn::Gt(a.vector, b.vector);
}
template <class Real>
HWY_INLINE Pack<Real> abs(Pack<Real> a) {
  return Pack<Real>(hn::Abs(a.vector));
}
template <class Real>
HWY_INLINE Pack<Real> sqrt(Pack<Real> a) {
  return Pack<Real>(hn::Sqrt(a.vector));
}
template <class Real>
HWY_INLINE Pack<Real> min(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Min(a.vector, b.vector));
}
template <class Real>
HWY_INLINE Pack<Real> max(Pack<Real> a, Pack<Real> b) {
  return Pack<Real>(hn::Max(a.vector, b.vector));
}
/// |magnitude| with the sign of `sign`.
template <class Real>
HWY_INLINE Pack<Real> copy_sign(Pack<Real> magnitude, Pack<Real> sign) {
  return Pack<Real>(hn::CopySign(magnitude.vector, sign.vector));
}
/// a b + c, rounded once where the instruction set can.
template <class Real>
HWY_INLINE Pack<Real> multiply_add(Pack<Real> a, Pack<Real> b, Pack<Real> c) {
  return Pack<Real>(hn::MulAdd(a.vector, b.vector, c.vector));
}
template <class Real>
HWY_INLINE Mask<Real> is_number(Pack<Real> a) {
  return hn::Eq(a.vector, a.vector);
}
template <class Real>
HWY_INLINE Pack<Real> select(Mask<Real> mask, Pack<Real> yes, Pack<Real> no) {
  return Pack<Real>(hn::IfThenElse(mask, yes.vector, no.vector));
}

#if !HWY_NATIVE_FMA
/// a b - rounded, where `rounded` is the rounded product: its error, exactly (Dekker 1971).
template <class Real>
HWY_INLINE Pack<Real> product_error(Pack<Real> a, Pack<Real> b, Pack<Real> rounded) {
  const Pack<Real> splitter(sizeof(Real) == sizeof(float) ? 4097.0 : 134217729.0);
  const Pack<Real> a_scaled = splitter * a;
  const Pack<Real> b_scaled = splitter * b;
  const Pack<Real> a_high = a_scaled - (a_scaled - a);
  const Pack<Real> b_high = b_scaled - (b_scaled - b);
  const Pack<Real> a_low = a - a_high;
  const Pack<Real> b_low = b - b_high;
  return ((a_high * b_high - rounded) + (a_high * b_low + a_low * b_high)) + a_low * b_low;
}
#endif

/// a b - c d within two units in the last place (Kahan; Jeannerod, Louvet, Muller 2013). Symmetric
/// in a and b to the last bit.
template <class Real>
HWY_INLINE Pack<Real> difference_of_products(Pack<Real> a, Pack<Real> b, Pack<Real> c,
                                             Pack<Real> d) {
  const Pack<Real> cd = c * d;
#if HWY_NATIVE_FMA
  return multiply_add(a, b, -cd) + multiply_add(-c, d, cd);
#else
  const Pack<Real> ab = a * b;
  return (ab - cd) + (product_error(a, b, ab) - product_error(c, d, cd));
#endif
}

/// R(z) of atan_polynomial.hpp, odd and even coefficients apart for shorter chains.
template <class Real>
HWY_INLINE Pack<Real> atan_polynomial(Pack<Real> z) {
  using P = Pack<Real>;
  constexpr auto& kCoefficients = kAtanPolynomial<Real>;
  constexpr std::size_t kCount = kCoefficients.size();
  static_assert(kCount % 2 == 0);
  const P z_squared = z * z;
  P even = P::broadcast(kCoefficients[kCount - 2]);
  P odd = P::broadcast(kCoefficients[kCount - 1]);
  for (std::size_t k = kCount - 2; k > 0; k -= 2) {
    even = multiply_add(even, z_squared, P::broadcast(kCoefficients[k - 2]));
    odd = multiply_add(odd, z_squared, P::broadcast(kCoefficients[k - 1]));
  }
  return multiply_add(odd, z, even);
}

/// The angle of a point (x, y) with y >= 0.
template <class Real>
struct Angle {
  Pack<Real> turns;     // atan2(y, x) / 2 pi, in [0, 1/2]
  Mask<Real> is_small;  // x > 0 and turns <= 1/16
  Pack<Real> gap;       // where small: (t - atan(t)) / (2 pi t) with t = y / x
};

/// Within 2 units in the last place of `turns`, relative to its own size also towards 0, and exact
/// on the axes; the origin counts as on the x axis. y and x lie in the square roots' range.
template <class Real>
HWY_INLINE Angle<Real> angle_in_turns(Pack<Real> y, Pack<Real> x) {
  using P = Pack<Real>;
  const P distance = abs(x);
  const auto is_steep = y > distance;
  const P a = min(y, distance);
  const P b = max(max(y, distance), P(std::numeric_limits<Real>::min()));
  // atan(a / b) = pi / 4 + atan((a - b) / (a + b)), used above tan(pi / 8).
  const auto is_shifted = a > P(std::numbers::sqrt2 - 1.0) * b;
  const P t = select(is_shifted, a - b, a) / select(is_shifted, a + b, b);
  const P t_squared = t * t;
  const P correction = t_squared * atan_polynomial<Real>(t_squared);
  P turns = t * (P(0.5 * std::numbers::inv_pi) + correction);
  turns = select(is_shifted, turns + P(0.125), turns);
  turns = select(is_steep, P(0.25) - turns, turns);
  const auto is_right = x > P(0.0);
  turns = select(is_right, turns, P(0.5) - turns);
  const auto is_small = hn::AndNot(hn::Or(is_shifted, is_steep), is_right);
  return {turns, is_small, -correction};
}

#include "activations/list.inl"

/// One column of a tile.
template <class Real>
struct Column {
  const Real* products;
  const Real* variance;  // of the column's sample at layer 1
  Real* nngp;            // null when not wanted
  Real* ntk;
};

/// The recursion over layers for kVectors vectors of pairs from row i on. They depend on each other
/// in nothing, so that the processor works on one while another waits for its square root.
template <std::int64_t kVectors, bool kWithNtk, class Real, class Activation>
HWY_INLINE void evaluate_rows(const TileJob<Real>& job, const Activation& activation,
                              const Column<Real>& column, const Real* row_variances,
                              std::int64_t i) {
  using P = Pack<Real>;
  constexpr std::int64_t kLanes = P::kLanes;
  const P weight = P::broadcast(job.weight_variance);
  const P bias = P::broadcast(job.bias_variance);
  const P first_slope = P::broadcast(job.first_slope);
  // No fused operations on c: KernelEvaluator::variances rounds in the same way.
  P c[kVectors];
  P theta[kVectors];
  for (std::int64_t v = 0; v < kVectors; ++v) {
    c[v] = first_slope * P::load(column.products + i + v * kLanes) + bias;
    theta[v] = c[v];
  }
  const Real* row = row_variances + i;
  const Real* col = column.variance;
  for (int layer = 1; layer < job.depth; ++layer) {
    const P col_variance = P::broadcast(*col);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      const Duals<P> duals = activation.fast(P::load(row + v * kLanes), col_variance, c[v]);
      c[v] = weight * duals.f + bias;
      if constexpr (kWithNtk) {
        theta[v] = multiply_add(weight * duals.g, theta[v], c[v]);
      }
    }
    row += job.row_layer_stride;
    col += job.col_layer_stride;
  }
  for (std::int64_t v = 0; v < kVectors; ++v) {
    const P product = P::load(column.products + i + v * kLanes);
    // What is not a number stays so; min and max inside the duals may have dropped it.
    const auto valid = is_number(product);
    if (column.nngp != nullptr) {
      select(valid, c[v], product).store(column.nngp + i + v * kLanes);
    }
    if constexpr (kWithNtk) {
      select(valid, theta[v], product).store(column.ntk + i + v * kLanes);
    }
  }
}

template <bool kWithNtk, class Real, class Activation>
void evaluate_columns(const TileJob<Real>& job, const Activation& activation) {
  constexpr std::int64_t kLanes = Pack<Real>::kLanes;
  constexpr std::int64_t kTogether = 4;
  const std::int64_t rows = job.products.rows;
  for (std::int64_t j = 0; j < job.products.cols; ++j) {
    const Column<Real> column{job.products.column(j), job.col_variances + j,
                              job.nngp == nullptr ? nullptr : job.nngp + j * job.nngp_ld,
                              job.ntk == nullptr ? nullptr : job.ntk + j * job.ntk_ld};
    std::int64_t i = 0;
    for (; i + kTogether * kLanes <= rows; i += kTogether * kLanes) {
      evaluate_rows<kTogether, kWithNtk>(job, activation, column, job.row_variances, i);
    }
    for (; i + kLanes <= rows; i += kLanes) {
      evaluate_rows<1, kWithNtk>(job, activation, column, job.row_variances, i);
    }
    if (i < rows) {  // the same operations on a padded copy, so that the bits are the same
      std::array<Real, kLanes> products{};
      std::array<Real, kLanes> nngp{};
      std::array<Real, kLanes> ntk{};
      std::copy_n(column.products + i, rows - i, products.data());
      const Column<Real> rest{products.data(), column.variance, nngp.data(), ntk.data()};
      evaluate_rows<1, kWithNtk>(job, activation, rest, job.row_variances + i, 0);
      if (column.nngp != nullptr) {
        std::copy_n(nngp.data(), rows - i, column.nngp + i);
      }
      if constexpr (kWithNtk) {
        std::copy_n(ntk.data(), rows - i, column.ntk + i);
      }
    }
  }
}

template <class Real>
void evaluate(const TileJob<Real>& job) {
  visit_activation(Activations(), *job.activation, [&](const auto& activation) {
    if (job.ntk != nullptr) {
      evaluate_columns<true>(job, activation);
    } else if (job.nngp != nullptr) {
      evaluate_columns<false>(job, activation);
    }
  });
}

template <class Real>
std::int64_t scan(const ParallelScan<Real>& job) {
  using P = Pack<Real>;
  const auto rows = static_cast<std::int64_t>(job.products.size());
  const Real* products = job.products.data();
  const P share = P::broadcast(job.share);
  const P col_norm = P::broadcast(job.col_norm);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < rows; i += P::kLanes) {
    const std::int64_t end = std::min(i + P::kLanes, rows);
    if (end == i + P::kLanes) {
      const P bound = share * (P::load(job.row_norms + i) * col_norm);
      if (hn::AllFalse(typename P::Tag(), abs(P::load(products + i)) > bound)) {
        continue;
      }
    }
    for (std::int64_t k = i; k < end; ++k) {
      // The norms first, so that a pair and its transpose meet the same bound.
      if (std::abs(products[k]) > job.share * (job.row_norms[k] * job.col_norm)) {
        job.found[count++] = k;
      }
    }
  }
  return count;
}

}  // namespace

void evaluate_tile_f32(const TileJob<float>& job) {
  evaluate(job);
}
void evaluate_tile_f64(const TileJob<double>& job) {
  evaluate(job);
}
std::int64_t scan_f32(const ParallelScan<float>& job) {
  return scan(job);
}
std::int64_t scan_f64(const ParallelScan<double>& job) {
  return scan(job);
}
const char* target_name() {
  return hwy::TargetName(HWY_TARGET);
}

}  // namespace ntkflow::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ntkflow {

HWY_EXPORT(evaluate_tile_f32);
HWY_EXPORT(evaluate_tile_f64);
HWY_EXPORT(scan_f32);
HWY_EXPORT(scan_f64);
HWY_EXPORT(target_name);

void evaluate_tile(const TileJob<float>& job) {
  HWY_DYNAMIC_DISPATCH(evaluate_tile_f32)(job);
}
void evaluate_tile(const TileJob<double>& job) {
  HWY_DYNAMIC_DISPATCH(evaluate_tile_f64)(job);
}

std::int64_t find_parallel(const ParallelScan<float>& job) {
  return HWY_DYNAMIC_DISPATCH(scan_f32)(job);
}

std::int64_t find_parallel(const ParallelScan<double>& job) {
  return HWY_DYNAMIC_DISPATCH(scan_f64)(job);
}

std::vector<std::string> simd_targets_compiled() {
  std::vector<std::string> names;
  for (std::int64_t rest = HWY_TARGETS; rest != 0; rest &= rest - 1) {
    names.emplace_back(hwy::TargetName(rest & -rest));
  }
  return names;
}

std::string simd_target_in_use() {
  return HWY_DYNAMIC_DISPATCH(target_name)();
}

}  // namespace ntkflow
#endif
