#include "ntkflow/kernel/activation_function.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

// Highway compiles this file once per instruction set and chooses at run time, as tile.cpp.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "activation_function.cpp"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
//
#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include <ntkflow/base/contract.hpp>

#include "atan_polynomial.hpp"
#include "gauss_rule.hpp"
#include "near_angle.hpp"
#include "near_duals.hpp"
#include "normal.hpp"
#include "numerical_activation.hpp"
#include "orthant_polynomials.hpp"

HWY_BEFORE_NAMESPACE();
namespace ntkflow::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#include "activations/list.inl"
#include "pack.inl"
#include "pack_normal.inl"

/// `function` of each lane.
template <class Real, class Function>
HWY_INLINE Pack<Real> for_lanes(Pack<Real> a, const Function& function) {
  std::array<Real, Pack<Real>::kLanes> lanes;
  a.store(lanes.data());
  std::transform(lanes.begin(), lanes.end(), lanes.begin(), function);
  return Pack<Real>::load(lanes.data());
}

// The library's, because Highway's end at an angle of 39000.
template <class Real>
HWY_INLINE Pack<Real> sin(Pack<Real> a) {
  return for_lanes(a, [](Real angle) { return std::sin(angle); });
}
template <class Real>
HWY_INLINE Pack<Real> cos(Pack<Real> a) {
  return for_lanes(a, [](Real angle) { return std::cos(angle); });
}

/// Taylor coefficients of erf(x) / x in x^2, to 5e-18 for |x| <= 1/2.
template <class Real>
constexpr std::array<Real, 12> erf_series() {
  std::array<Real, 12> coefficients{};
  double power = 2.0 * std::numbers::inv_sqrtpi;
  for (std::size_t n = 0; n < coefficients.size(); ++n) {
    const auto k = static_cast<double>(n);
    coefficients[n] = static_cast<Real>(power / (2.0 * k + 1.0));
    power /= -(k + 1.0);
  }
  return coefficients;
}

/// erf(x) within 8 eps of itself: the series for small |x|, else 1 - 2 Phi(-sqrt(2) |x|).
template <class Real>
HWY_INLINE Pack<Real> erf(Pack<Real> x) {
  using P = Pack<Real>;
  static constexpr auto kSeries = erf_series<Real>();
  const P distance = abs(x);
  constexpr double kScale = std::numbers::inv_sqrtpi * std::numbers::sqrt2;
  const P mills = mills_ratio(distance * P(std::numbers::sqrt2)).value;
  const P large = P(1.0) - P(kScale) * mills * exp(-x * x);
  return select(distance > P(0.5), copy_sign(large, x), x * polynomial(kSeries, x * x));
}

/// tanh, the one activation without closed-form duals that networks use most; the others take three
/// times as long.
struct Tanh {
  template <class Value>
  ValueAndSlope<Value> apply(const Value& x) const {
    const Value exponent = Value(-2) * abs(x);
    const Value t = expm1(exponent);
    const Value e = exp(exponent);
    const Value cosh_part = e + Value(1);
    return {copy_sign(-t / (t + Value(2)), x), Value(4) * e / (cosh_part * cosh_part)};
  }
};

/// Applies to one whole vector; `slope` may be null.
template <class Activation, class Real>
HWY_INLINE void apply_vector(const Activation& activation, Real* x, Real* slope) {
  const auto from = Pack<Real>::load(x);
  const auto [value, derivative] = activation.apply(from);
  select(is_number(from), value, from).store(x);
  if (slope != nullptr) {
    select(is_number(from), derivative, from).store(slope);
  }
}

template <class Activation, class Real>
void apply_all(const Activation& activation, std::span<Real> x, Real* slope) {
  constexpr std::size_t kLanes = Pack<Real>::kLanes;
  std::size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    apply_vector(activation, &x[i], slope == nullptr ? nullptr : slope + i);
  }
  if (i < x.size()) {  // the same operations, so that the bits are the same
    std::array<Real, kLanes> padded{};
    std::array<Real, kLanes> padded_slope;
    std::copy(x.begin() + i, x.end(), padded.begin());
    apply_vector(activation, padded.data(), padded_slope.data());
    std::copy_n(padded.begin(), x.size() - i, x.begin() + i);
    if (slope != nullptr) {
      std::copy_n(padded_slope.begin(), x.size() - i, slope + i);
    }
  }
}

template <class Real>
void apply_closed(const PreparedActivation& prepared, std::span<Real> x, Real* slope) {
  visit_activation(Activations(), prepared, [&]<class Known>(const Known& activation) {
    if constexpr (!requires { Known::kIsKernelOnly; }) {
      apply_all(activation, x, slope);
    }
  });
}

void closed_f32(const PreparedActivation& prepared, std::span<float> x, float* slope) {
  apply_closed(prepared, x, slope);
}
void closed_f64(const PreparedActivation& prepared, std::span<double> x, double* slope) {
  apply_closed(prepared, x, slope);
}
void tanh_f32(std::span<float> x, float* slope) {
  apply_all(Tanh(), x, slope);
}
void tanh_f64(std::span<double> x, double* slope) {
  apply_all(Tanh(), x, slope);
}

}  // namespace
}  // namespace ntkflow::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace ntkflow {

HWY_EXPORT(closed_f32);
HWY_EXPORT(closed_f64);
HWY_EXPORT(tanh_f32);
HWY_EXPORT(tanh_f64);

enum class FormKind { closed, tanh, numerical };

struct ActivationFunction::Form {
  PreparedActivation activation;
  FormKind kind;
};

namespace {

FormKind kind_of(const ActivationSpec& spec) {
  if (!has_numerical_duals(spec)) {
    return FormKind::closed;
  }
  return spec.name == "tanh" ? FormKind::tanh : FormKind::numerical;
}

template <class Real>
void apply_jet(const NumericalActivation& activation, std::span<Real> x, Real* slope) {
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto jet = activation.jet(static_cast<double>(x[i]));
    x[i] = static_cast<Real>(jet.value);
    if (slope != nullptr) {
      slope[i] = static_cast<Real>(jet.derivative);
    }
  }
}

/// Null for an empty one.
template <class Real>
Real* slope_target(std::span<Real> x, std::span<Real> slope) {
  NTKFLOW_EXPECTS(slope.empty() || slope.size() == x.size(), slope.size(), x.size());
  return slope.empty() ? nullptr : slope.data();
}

}  // namespace

ActivationFunction::ActivationFunction(const ActivationSpec& spec)
    : form_(std::make_shared<const Form>(Form{prepare(spec), kind_of(spec)})) {
  NTKFLOW_EXPECTS(!is_kernel_only(spec.name), spec.name);
}

ActivationFunction::Jet ActivationFunction::jet(double x) const {
  Jet result{x, 0.0};
  apply({&result.value, 1}, {&result.slope, 1});
  return result;
}

void ActivationFunction::apply(std::span<float> x, std::span<float> slope) const {
  float* target = slope_target(x, slope);
  switch (form_->kind) {
    case FormKind::closed:
      HWY_DYNAMIC_DISPATCH(closed_f32)(form_->activation, x, target);
      return;
    case FormKind::tanh:
      HWY_DYNAMIC_DISPATCH(tanh_f32)(x, target);
      return;
    case FormKind::numerical:
      apply_jet(*form_->activation.numerical, x, target);
      return;
  }
}

void ActivationFunction::apply(std::span<double> x, std::span<double> slope) const {
  double* target = slope_target(x, slope);
  switch (form_->kind) {
    case FormKind::closed:
      HWY_DYNAMIC_DISPATCH(closed_f64)(form_->activation, x, target);
      return;
    case FormKind::tanh:
      HWY_DYNAMIC_DISPATCH(tanh_f64)(x, target);
      return;
    case FormKind::numerical:
      apply_jet(*form_->activation.numerical, x, target);
      return;
  }
}

}  // namespace ntkflow
#endif
