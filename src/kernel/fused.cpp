#include "fused.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>
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

/// The interpolants of a target's functions. Each is made once: sampling costs far more than the
/// cuts that are tried on it.
class Interpolants {
 public:
  explicit Interpolants(const FusedTarget& target)
      : target_(target), ends_(2 * static_cast<std::size_t>(target.depth)) {
    const std::size_t depth = ends_.size() / 2;
    target.evaluate(1.0L, 0.0L, std::span(ends_).first(depth), std::span(ends_).last(depth));
  }

  [[nodiscard]] const FusedTarget& target() const { return target_; }
  /// f(1) of all functions, to which errors are relative.
  [[nodiscard]] const std::vector<long double>& ends() const { return ends_; }
  /// Chebyshev coefficients of all functions on one side.
  const std::vector<std::vector<double>>& coefficients(FusedVariable variable, long double sign,
                                                       int degree) {
    auto& known = known_[{variable, sign < 0, degree}];
    if (known.empty()) {
      known = chebyshev_interpolate(degree, ends_.size(), sample_of(target_, variable, sign));
    }
    return known;
  }

 private:
  const FusedTarget& target_;
  std::vector<long double> ends_;
  std::map<std::tuple<FusedVariable, bool, int>, std::vector<std::vector<double>>> known_;
};

/// Coefficients of all functions on one side, each cut where the rest is below `tail` f(1);
/// nothing where a degree of kLargestDegree does not suffice.
template <class Real>
std::optional<std::vector<std::vector<Real>>> fit_side(Interpolants& interpolants,
                                                       FusedVariable variable, long double sign,
                                                       double tail) {
  const std::vector<long double>& ends = interpolants.ends();
  for (int degree = kFirstDegree; degree <= kLargestDegree; degree *= 2) {
    const auto& all = interpolants.coefficients(variable, sign, degree);
    std::vector<std::vector<Real>> kept;
    for (std::size_t m = 0; m < ends.size(); ++m) {
      const std::size_t terms =
          significant_terms(all[m], tail * std::abs(static_cast<double>(ends[m])));
      // The last coefficients also carry what was aliased: some must be found not to matter.
      if (terms + 3 > all[m].size()) {
        break;
      }
      kept.emplace_back(all[m].begin(), all[m].begin() + static_cast<std::ptrdiff_t>(terms));
    }
    if (kept.size() == ends.size()) {
      return kept;
    }
  }
  return std::nullopt;
}

template <class Real>
std::optional<FusedKernel<Real>> fit_in(Interpolants& interpolants, FusedVariable variable,
                                        double tail) {
  const auto near = fit_side<Real>(interpolants, variable, 1.0L, tail);
  const auto far = variable == FusedVariable::half_angle
                       ? fit_side<Real>(interpolants, variable, -1.0L, tail)
                       : std::optional(decltype(*near){});
  if (!near || !far) {
    return std::nullopt;
  }
  FusedKernel<Real> kernel;
  kernel.variable = variable;
  const std::size_t depth = near->size() / 2;
  for (std::size_t m = 0; m < near->size(); ++m) {
    (m < depth ? kernel.nngp : kernel.ntk)
        .push_back({(*near)[m], far->empty() ? std::vector<Real>{} : (*far)[m]});
  }
  return kernel;
}

/// Largest error of all functions on a grid, relative to f(1).
template <class Real>
double largest_error(const Interpolants& interpolants, const FusedKernel<Real>& kernel) {
  const FusedTarget& target = interpolants.target();
  const std::vector<long double>& ends = interpolants.ends();
  const std::size_t depth = ends.size() / 2;
  std::vector<long double> exact(ends.size());
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
  Interpolants interpolants(target);
  const double rounding = 0.25 * static_cast<double>(std::numeric_limits<Real>::epsilon());
  for (const double tail : {rounding, 2e-15, 2e-14, 2e-13}) {
    if (tail < std::max(rounding, target.noise) || tail > largest) {
      continue;
    }
    auto best = target.has_kink ? std::nullopt
                                : fit_in<Real>(interpolants, FusedVariable::correlation, tail);
    auto other = fit_in<Real>(interpolants, FusedVariable::half_angle, tail);
    // The half angle costs a square root and, where signs mix, both sides.
    if (other && (!best || other->degree() + 8 < best->degree())) {
      best = std::move(other);
    }
    if (best) {
      best->error = largest_error(interpolants, *best);
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
