#include "fused.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "chebyshev.hpp"

namespace ntkflow {
namespace {

constexpr int kFirstDegree = 16;
constexpr int kLargestDegree = 256;

/// All functions of a target: NNGP of each depth, then NTK of each depth.
using Sample = std::function<void(long double, std::span<long double>)>;

Sample sample_of(const FusedTarget& target, FusedVariable variable, long double sign) {
  const auto depth = static_cast<std::size_t>(target.depth);
  return [&target, depth, variable, sign](long double y, std::span<long double> values) {
    const auto nngp = values.first(depth);
    const auto ntk = values.last(depth);
    if (variable == FusedVariable::correlation) {
      target.evaluate(y < 0 ? -1.0L : 1.0L, 1 - std::abs(y), nngp, ntk);
    } else {
      const long double root = (1 + y) / 2;
      target.evaluate(sign, root * root, nngp, ntk);
    }
  };
}

/// Coefficients of all functions on one side, each cut where the rest is below `tail` f(1);
/// nothing where a degree of kLargestDegree does not suffice.
template <class Real>
std::optional<std::vector<std::vector<Real>>> fit_side(const FusedTarget& target,
                                                       FusedVariable variable, long double sign,
                                                       double tail) {
  const auto count = 2 * static_cast<std::size_t>(target.depth);
  const Sample sample = sample_of(target, variable, sign);
  std::vector<long double> ends(count);  // f(1), to which errors are relative
  target.evaluate(1.0L, 0.0L, std::span(ends).first(count / 2), std::span(ends).last(count / 2));
  for (int degree = kFirstDegree; degree <= kLargestDegree; degree *= 2) {
    const auto all = chebyshev_interpolate(degree, count, sample);
    std::vector<std::vector<Real>> kept;
    for (std::size_t m = 0; m < count; ++m) {
      const std::size_t terms =
          significant_terms(all[m], tail * std::abs(static_cast<double>(ends[m])));
      // The last coefficients also carry what was aliased: some must be found not to matter.
      if (terms + 3 > all[m].size()) {
        break;
      }
      kept.emplace_back(all[m].begin(), all[m].begin() + static_cast<std::ptrdiff_t>(terms));
    }
    if (kept.size() == count) {
      return kept;
    }
  }
  return std::nullopt;
}

template <class Real>
std::optional<FusedKernel<Real>> fit_in(const FusedTarget& target, FusedVariable variable,
                                        double tail) {
  const auto near = fit_side<Real>(target, variable, 1.0L, tail);
  const auto far = variable == FusedVariable::half_angle
                       ? fit_side<Real>(target, variable, -1.0L, tail)
                       : std::optional(decltype(*near){});
  if (!near || !far) {
    return std::nullopt;
  }
  FusedKernel<Real> kernel;
  kernel.variable = variable;
  const auto depth = static_cast<std::size_t>(target.depth);
  for (std::size_t m = 0; m < near->size(); ++m) {
    (m < depth ? kernel.nngp : kernel.ntk)
        .push_back({(*near)[m], far->empty() ? std::vector<Real>{} : (*far)[m]});
  }
  return kernel;
}

/// Largest error of all functions on a grid, relative to f(1).
template <class Real>
double largest_error(const FusedTarget& target, const FusedKernel<Real>& kernel) {
  const auto depth = static_cast<std::size_t>(target.depth);
  std::vector<long double> ends(2 * depth);
  target.evaluate(1.0L, 0.0L, std::span(ends).first(depth), std::span(ends).last(depth));
  std::vector<long double> exact(2 * depth);
  const int points = 2 * static_cast<int>(kernel.degree()) + 31;
  double worst = 0.0;
  for (const Real sign : {Real(1), Real(-1)}) {
    // At correlation 1 itself rounding of a numerical dual opens an angle of its square root.
    for (int point = target.has_kink ? 1 : 0; point <= points; ++point) {
      const Real root = static_cast<Real>(point) / static_cast<Real>(points);
      const Real gap = root * root;
      target.evaluate(sign, gap, std::span(exact).first(depth), std::span(exact).last(depth));
      for (std::size_t m = 0; m < 2 * depth; ++m) {
        const auto& function = m < depth ? kernel.nngp[m] : kernel.ntk[m - depth];
        const Real value = function.evaluate(kernel.variable, sign * (1 - gap), gap);
        const auto error =
            static_cast<double>(std::abs(static_cast<long double>(value) - exact[m]) / ends[m]);
        worst =
            std::isnan(error) ? std::numeric_limits<double>::infinity() : std::max(worst, error);
      }
    }
  }
  return worst;
}

}  // namespace

template <class Real>
Real FusedFunction<Real>::evaluate(FusedVariable variable, Real rho, Real gap) const {
  if (variable == FusedVariable::correlation) {
    return clenshaw<Real>(near, rho);
  }
  return clenshaw<Real>(rho < 0 ? far : near, 2 * std::sqrt(gap) - 1);
}

template <class Real>
std::size_t FusedKernel<Real>::degree() const {
  std::size_t terms = 0;
  for (const auto* functions : {&nngp, &ntk}) {
    for (const FusedFunction<Real>& function : *functions) {
      terms = std::max({terms, function.near.size(), function.far.size()});
    }
  }
  return terms - 1;
}

template <class Real>
std::optional<FusedKernel<Real>> fit_fused(const FusedTarget& target) {
  constexpr bool kIsSingle = sizeof(Real) == sizeof(float);
  const double largest = std::max(kIsSingle ? 1e-6 : 5e-14, target.allowed);
  // Through many layers rounding grows in the values themselves, at small angles first; then the
  // coefficients come to rest above the working precision's rounding, and are cut there.
  const double rounding = 0.25 * static_cast<double>(std::numeric_limits<Real>::epsilon());
  for (const double tail : {rounding, 2e-15, 2e-14, 2e-13}) {
    if (tail < std::max(rounding, target.noise) || tail > largest) {
      continue;
    }
    auto best =
        target.has_kink ? std::nullopt : fit_in<Real>(target, FusedVariable::correlation, tail);
    auto other = fit_in<Real>(target, FusedVariable::half_angle, tail);
    // The half angle costs a square root and, where signs mix, both sides.
    if (other && (!best || other->degree() + 8 < best->degree())) {
      best = std::move(other);
    }
    if (best) {
      best->error = largest_error(target, *best);
      if (best->error <= largest) {
        return best;
      }
    }
  }
  return std::nullopt;
}

template struct FusedFunction<float>;
template struct FusedFunction<double>;
template struct FusedKernel<float>;
template struct FusedKernel<double>;
template std::optional<FusedKernel<float>> fit_fused(const FusedTarget&);
template std::optional<FusedKernel<double>> fit_fused(const FusedTarget&);

}  // namespace ntkflow
