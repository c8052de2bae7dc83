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
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "atan_polynomial.hpp"
#include "gauss_rule.hpp"
#include "near_duals.hpp"
#include "normal.hpp"

HWY_BEFORE_NAMESPACE();
namespace ntkflow::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#include "activations/list.inl"
#include "pack.inl"
#include "pack_normal.inl"

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
