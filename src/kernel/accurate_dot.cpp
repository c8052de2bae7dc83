#include <algorithm>
#include <array>
#include <limits>
#include <numbers>

#include "ntkflow/kernel/kernel_evaluator.hpp"

// Highway compiles this file once per instruction set and chooses at run time, as in tile.cpp.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "accurate_dot.cpp"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
//
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "atan_polynomial.hpp"
#include "orthant_polynomials.hpp"

HWY_BEFORE_NAMESPACE();
namespace ntkflow::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#include "pack.inl"

// As many partial sums with every instruction set, so that the result does not depend on it: all
// operations on them are exact or rounded alike.
constexpr std::int64_t kPartialSums = 16;

using P = Pack<double>;
constexpr std::int64_t kVectors = kPartialSums / P::kLanes;

/// Sums and what their rounding lost.
struct Sums {
  P sum[kVectors];
  P error[kVectors];
};

/// Adds kPartialSums products.
HWY_INLINE void add_products(const double* x, const double* y, Sums& sums) {
  for (std::int64_t v = 0; v < kVectors; ++v) {
    const P a = P::load(x + v * P::kLanes);
    const P b = P::load(y + v * P::kLanes);
    const P product = a * b;
#if HWY_NATIVE_FMA
    const P product_error = multiply_add(a, b, -product);
#else
    const P product_error = ntkflow::HWY_NAMESPACE::product_error(a, b, product);
#endif
    const P sum = sums.sum[v];
    const P next = sum + product;
    const P part = next - sum;
    const P sum_error = (sum - (next - part)) + (product - part);
    sums.sum[v] = next;
    sums.error[v] = sums.error[v] + (product_error + sum_error);
  }
}

double dot(const double* x, const double* y, std::int64_t d) {
  Sums sums;
  for (std::int64_t v = 0; v < kVectors; ++v) {
    sums.sum[v] = P(0.0);
    sums.error[v] = P(0.0);
  }
  std::int64_t k = 0;
  for (; k + kPartialSums <= d; k += kPartialSums) {
    add_products(x + k, y + k, sums);
  }
  std::array<double, kPartialSums> x_rest{};
  std::array<double, kPartialSums> y_rest{};
  std::copy(x + k, x + d, x_rest.begin());
  std::copy(y + k, y + d, y_rest.begin());
  add_products(x_rest.data(), y_rest.data(), sums);

  std::array<double, kPartialSums> partial{};
  std::array<double, kPartialSums> errors{};
  for (std::int64_t v = 0; v < kVectors; ++v) {
    sums.sum[v].store(partial.data() + v * P::kLanes);
    sums.error[v].store(errors.data() + v * P::kLanes);
  }
  double total = 0.0;
  double error = 0.0;
  for (std::size_t i = 0; i < partial.size(); ++i) {
    const double next = total + partial[i];
    const double part = next - total;
    error += errors[i] + ((total - (next - part)) + (partial[i] - part));
    total = next;
  }
  return total + error;
}

}  // namespace

double accurate_dot_f64(const double* x, const double* y, std::int64_t d) {
  return dot(x, y, d);
}

}  // namespace ntkflow::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ntkflow {

HWY_EXPORT(accurate_dot_f64);

double accurate_dot(const double* x, const double* y, std::int64_t d) {
  return HWY_DYNAMIC_DISPATCH(accurate_dot_f64)(x, y, d);
}

double accurate_dot(const float* x, const float* y, std::int64_t d) {
  constexpr std::int64_t kPartialSums = 16;    // independent of each other, for the compiler
  std::array<double, kPartialSums> partial{};  // hold each product of two floats exactly
  std::int64_t k = 0;
  for (; k + kPartialSums <= d; k += kPartialSums) {
    for (std::int64_t i = 0; i < kPartialSums; ++i) {
      partial[static_cast<std::size_t>(i)] +=
          static_cast<double>(x[k + i]) * static_cast<double>(y[k + i]);
    }
  }
  double sum = 0.0;
  for (; k < d; ++k) {
    sum += static_cast<double>(x[k]) * static_cast<double>(y[k]);
  }
  for (const double part : partial) {
    sum += part;
  }
  return sum;
}

}  // namespace ntkflow
#endif
