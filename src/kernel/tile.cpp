#include "tile.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <span>

// Highway compiles this file once per instruction set and chooses at run time. Vectors of unknown
// length (SVE, RISC-V) cannot be members of a class and are left out; NEON serves ARM.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tile.cpp"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
//
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "atan_polynomial.hpp"
#include "gauss_rule.hpp"
#include "near_angle.hpp"
#include "near_duals.hpp"
#include "normal.hpp"
#include "orthant_polynomials.hpp"

HWY_BEFORE_NAMESPACE();
namespace ntkflow::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#include "activations/list.inl"
#include "pack.inl"
#include "pack_normal.inl"

/// Vectors of rows that are worked on together. They depend on each other in nothing, so that the
/// processor works on one while another waits for its square root.
constexpr std::int64_t kVectors = kRowVectors;

/// Rows i ... i + count - 1 of column j of a tile, up to kVectors vectors.
template <class Real>
struct Rows {
  static constexpr std::int64_t kLanes = Pack<Real>::kLanes;
  static constexpr std::int64_t kTogether = kVectors * kLanes;

  const Tile<Real>& tile;
  std::int64_t i;
  std::int64_t j;
  std::int64_t count;

  HWY_INLINE void load_products(Pack<Real>* products) const {
    const Real* from = tile.products.column(j) + i;
    std::array<Real, kTogether>
        padded;  // the same operations for all, so that the bits are the same
    if (count < kTogether) {
      padded.fill(Real(0));
      std::copy_n(from, count, padded.data());
      from = padded.data();
    }
    for (std::int64_t v = 0; v < kVectors; ++v) {
      products[v] = Pack<Real>::load(from + v * kLanes);
    }
  }

  /// Where the values of a depth go, or null where they are not wanted.
  [[nodiscard]] HWY_INLINE Real* target(std::span<const MatrixView<Real>> matrices,
                                        int depth) const {
    if (depth < tile.first_depth || matrices.empty()) {
      return nullptr;
    }
    const MatrixView<Real>& matrix = matrices[static_cast<std::size_t>(depth - tile.first_depth)];
    return matrix.data == nullptr ? nullptr : matrix.column(j) + i;
  }

  /// What is not a number in the products stays so: min and max on the way may have dropped it.
  HWY_INLINE void store(Real* to, const Pack<Real>* values, const Pack<Real>* products) const {
    std::array<Real, kTogether> padded;
    Real* whole = count < kTogether ? padded.data() : to;
    for (std::int64_t v = 0; v < kVectors; ++v) {
      select(is_number(products[v]), values[v], products[v]).store(whole + v * kLanes);
    }
    if (count < kTogether) {
      std::copy_n(padded.data(), count, to);
    }
  }
};

/// Calls evaluate(rows) for all elements of a tile.
template <class Real, class Evaluate>
HWY_INLINE void for_rows(const Tile<Real>& tile, const Evaluate& evaluate) {
  constexpr std::int64_t kTogether = Rows<Real>::kTogether;
  for (std::int64_t j = 0; j < tile.products.cols; ++j) {
    for (std::int64_t i = 0; i < tile.products.rows; i += kTogether) {
      evaluate(Rows<Real>{tile, i, j, std::min(kTogether, tile.products.rows - i)});
    }
  }
}

/// The recursion over layers of both kernels. step(depth, c, f, g) writes the duals that lead from
/// layer `depth` to the next.
template <class Real, class Step>
HWY_INLINE void evaluate_recursion(const Layers<Real>& layers, const Rows<Real>& rows,
                                   const Step& step) {
  using P = Pack<Real>;
  const P weight = P::broadcast(layers.weight_variance);
  const P bias = P::broadcast(layers.bias_variance);
  const P first_slope = P::broadcast(layers.first_slope);
  // No fused operations on c: KernelEvaluator::variances rounds in the same way.
  P product[kVectors];
  P c[kVectors];
  P theta[kVectors];
  rows.load_products(product);
  for (std::int64_t v = 0; v < kVectors; ++v) {
    c[v] = first_slope * product[v] + bias;
    theta[v] = c[v];
  }
  for (int depth = 1;; ++depth) {
    if (Real* to = rows.target(rows.tile.nngp, depth)) {
      rows.store(to, c, product);
    }
    if (Real* to = rows.target(rows.tile.ntk, depth)) {
      rows.store(to, theta, product);
    }
    if (depth == layers.depth) {
      return;
    }
    P f[kVectors];
    P g[kVectors];
    step(depth, c, f, g);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      c[v] = weight * f[v] + bias;
      theta[v] = multiply_add(weight * g[v], theta[v], c[v]);
    }
  }
}

template <class Real, class Activation>
HWY_INLINE void evaluate_layers(const LayeredJob<Real>& job, const Activation& activation,
                                const Rows<Real>& rows) {
  using P = Pack<Real>;
  const Real* row = job.row_variances + rows.i;
  const Real* col = job.col_variances + rows.j;
  evaluate_recursion(job.layers, rows, [&](int /*depth*/, const P* c, P* f, P* g) {
    const P col_variance = P::broadcast(*col);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      const Duals<P> duals = activation.fast(P::load(row + v * P::kLanes), col_variance, c[v]);
      f[v] = duals.f;
      g[v] = duals.g;
    }
    row += job.row_stride;
    col += job.col_stride;
  });
}

template <class Real>
void evaluate(const LayeredJob<Real>& job) {
  visit_activation(Activations(), *job.activation, [&](const auto& activation) {
    for_rows(job.tile, [&](const Rows<Real>& rows) { evaluate_layers(job, activation, rows); });
  });
}

/// F = sum_k a_k b_k rho^k and dF/drho, with a_k of the rows `a_stride` and b_k of the column
/// `b_stride` values apart.
template <class Real>
HWY_INLINE void sum_series(const SeriesShape& series, const Real* a, std::int64_t a_stride,
                           const Real* b, std::int64_t b_stride, const Pack<Real>* rho,
                           Pack<Real>* f, Pack<Real>* slope) {
  using P = Pack<Real>;
  P z[kVectors];  // rho^step
  for (std::int64_t v = 0; v < kVectors; ++v) {
    z[v] = series.step == 2 ? rho[v] * rho[v] : rho[v];
    f[v] = P(0.0);
    slope[v] = P(0.0);
  }
  for (int k = series.terms - 1; k >= 0; --k) {
    const P factor = P::broadcast(b[k * b_stride]);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      slope[v] = multiply_add(slope[v], z[v], f[v]);
      f[v] = multiply_add(f[v], z[v], P::load(a + k * a_stride + v * P::kLanes) * factor);
    }
  }
  if (series.step == 1) {
    return;
  }
  for (std::int64_t v = 0; v < kVectors; ++v) {
    const P twice = slope[v] + slope[v];
    if (series.first == 0) {  // F = S(rho^2)
      slope[v] = rho[v] * twice;
    } else {  // F = rho S(rho^2)
      slope[v] = multiply_add(z[v], twice, f[v]);
      f[v] = rho[v] * f[v];
    }
  }
}

template <class Real>
HWY_INLINE void evaluate_series(const SeriesJob<Real>& job, const Rows<Real>& rows) {
  using P = Pack<Real>;
  const Real* row = job.row_inverse_roots + rows.i;
  const Real* col = job.col_inverse_roots + rows.j;
  const Real* a = job.row_coefficients + rows.i;
  const Real* b = job.col_coefficients + rows.j;
  evaluate_recursion(job.layers, rows, [&](int depth, const P* c, P* f, P* g) {
    const P col_inverse_root = P::broadcast(*col);
    P inverse[kVectors];  // 1 / sqrt(q1 q2)
    P rho[kVectors];
    for (std::int64_t v = 0; v < kVectors; ++v) {
      inverse[v] = P::load(row + v * P::kLanes) * col_inverse_root;
      rho[v] = max(min(c[v] * inverse[v], P(1.0)), P(-1.0));
    }
    const SeriesShape& series = job.series[static_cast<std::size_t>(depth - 1)];
    sum_series(series, a, job.row_stride, b, job.col_stride, rho, f, g);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      g[v] = g[v] * inverse[v];
    }
    row += job.row_stride;
    col += job.col_stride;
    a += series.terms * job.row_stride;
    b += series.terms * job.col_stride;
  });
}

template <class Real>
void evaluate(const SeriesJob<Real>& job) {
  for_rows(job.tile, [&](const Rows<Real>& rows) { evaluate_series(job, rows); });
}

/// sum_k c_k T_k(y) by Clenshaw's recurrence, for vectors that do not depend on each other.
template <class Real>
HWY_INLINE void clenshaw(std::span<const Real> coefficients, const Pack<Real>* y,
                         Pack<Real>* value) {
  using P = Pack<Real>;
  P twice[kVectors];
  P next[kVectors];
  P after[kVectors];
  for (std::int64_t v = 0; v < kVectors; ++v) {
    twice[v] = y[v] + y[v];
    next[v] = P(0.0);
    after[v] = P(0.0);
  }
  for (std::size_t k = coefficients.size() - 1; k > 0; --k) {
    const P c = P::broadcast(coefficients[k]);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      const P sum = multiply_add(twice[v], next[v], c - after[v]);
      after[v] = next[v];
      next[v] = sum;
    }
  }
  const P c = P::broadcast(coefficients[0]);
  for (std::int64_t v = 0; v < kVectors; ++v) {
    value[v] = multiply_add(y[v], next[v], c - after[v]);
  }
}

template <class Real>
HWY_INLINE void evaluate_fused(const FusedJob<Real>& job, const Rows<Real>& rows) {
  using P = Pack<Real>;
  constexpr std::int64_t kLanes = P::kLanes;
  const P col_inverse = P::broadcast(job.col_inverse_norms[rows.j]);
  const P slope = P::broadcast(job.kernel->slope);
  const P offset = P::broadcast(job.kernel->offset);
  const bool is_folded = job.kernel->variable == FusedVariable::half_angle;
  P product[kVectors];
  P rho[kVectors];
  P y[kVectors];
  bool any_far = false;
  bool any_near = false;
  rows.load_products(product);
  for (std::int64_t v = 0; v < kVectors; ++v) {
    const P cosine =
        product[v] * (P::load(job.row_inverse_norms + rows.i + v * kLanes) * col_inverse);
    rho[v] = multiply_add(slope, cosine, offset);
    if (is_folded) {
      const P root = sqrt(max(P(1.0) - abs(rho[v]), P(0.0)));
      y[v] = root + root - P(1.0);
      const Mask<Real> is_far = P(0.0) > rho[v];
      any_far = any_far || !hn::AllFalse(typename P::Tag(), is_far);
      any_near = any_near || !hn::AllTrue(typename P::Tag(), is_far);
    } else {
      y[v] = max(min(rho[v], P(1.0)), P(-1.0));
      any_near = true;
    }
  }
  const auto evaluate_one = [&](const FusedFunction<Real>& function, int depth, Real* to) {
    P value[kVectors];
    clenshaw(std::span<const Real>(any_near ? function.near : function.far), y, value);
    if (any_near && any_far) {
      P far[kVectors];
      clenshaw(std::span<const Real>(function.far), y, far);
      for (std::int64_t v = 0; v < kVectors; ++v) {
        value[v] = select(P(0.0) > rho[v], far[v], value[v]);
      }
    }
    const Real* row_root = job.row_roots + (depth - 1) * job.row_stride + rows.i;
    const P col_root = P::broadcast(job.col_roots[(depth - 1) * job.col_stride + rows.j]);
    for (std::int64_t v = 0; v < kVectors; ++v) {
      value[v] = P::load(row_root + v * kLanes) * col_root * value[v];
    }
    rows.store(to, value, product);
  };
  const int depths = static_cast<int>(std::max(job.tile.nngp.size(), job.tile.ntk.size()));
  for (int depth = job.tile.first_depth; depth < job.tile.first_depth + depths; ++depth) {
    const auto index = static_cast<std::size_t>(depth - 1);
    if (Real* to = rows.target(job.tile.nngp, depth)) {
      evaluate_one(job.kernel->nngp[index], depth, to);
    }
    if (Real* to = rows.target(job.tile.ntk, depth)) {
      evaluate_one(job.kernel->ntk[index], depth, to);
    }
  }
}

template <class Real>
void evaluate(const FusedJob<Real>& job) {
  for_rows(job.tile, [&](const Rows<Real>& rows) { evaluate_fused(job, rows); });
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

void layered_f32(const LayeredJob<float>& job) {
  evaluate(job);
}
void layered_f64(const LayeredJob<double>& job) {
  evaluate(job);
}
void series_f32(const SeriesJob<float>& job) {
  evaluate(job);
}
void series_f64(const SeriesJob<double>& job) {
  evaluate(job);
}
void fused_f32(const FusedJob<float>& job) {
  evaluate(job);
}
void fused_f64(const FusedJob<double>& job) {
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

HWY_EXPORT(layered_f32);
HWY_EXPORT(layered_f64);
HWY_EXPORT(series_f32);
HWY_EXPORT(series_f64);
HWY_EXPORT(fused_f32);
HWY_EXPORT(fused_f64);
HWY_EXPORT(scan_f32);
HWY_EXPORT(scan_f64);
HWY_EXPORT(target_name);

void evaluate_tile(const LayeredJob<float>& job) {
  HWY_DYNAMIC_DISPATCH(layered_f32)(job);
}
void evaluate_tile(const LayeredJob<double>& job) {
  HWY_DYNAMIC_DISPATCH(layered_f64)(job);
}
void evaluate_tile(const SeriesJob<float>& job) {
  HWY_DYNAMIC_DISPATCH(series_f32)(job);
}
void evaluate_tile(const SeriesJob<double>& job) {
  HWY_DYNAMIC_DISPATCH(series_f64)(job);
}
void evaluate_tile(const FusedJob<float>& job) {
  HWY_DYNAMIC_DISPATCH(fused_f32)(job);
}
void evaluate_tile(const FusedJob<double>& job) {
  HWY_DYNAMIC_DISPATCH(fused_f64)(job);
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
