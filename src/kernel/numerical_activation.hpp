#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "activation.hpp"
#include "gaussian_quadrature.hpp"
#include "named_functions.hpp"
#include "smooth_panels.hpp"

namespace ntkflow {

/// An activation without closed-form duals: its function, where that is smooth, and the duals by
/// quadrature, F = E[s(u) s(v)] and G = E[s'(u) s'(v)] for (u, v) ~ N(0, [[q1, c], [c, q2]]).
///
/// All integrals are sums over Gauss-Legendre rules on panels that are cut at the kinks of s, where
/// polynomials stop resolving s, and every three standard deviations; a function of x alone costs
/// 10 to 20 ns a node if named, 10 to 60 ns as an expression. Immutable: any number of threads may
/// use one object. Local, every member.
class NumericalActivation {
 public:
  /// Values in the order of the entry's rules, a number as a list of one; they must be valid.
  static std::shared_ptr<const NumericalActivation> named(
      int entry, std::span<const std::vector<double>> parameters);

  /// A formula in x (see base/expression.hpp). Without `kinks` they are found. Represented by
  /// polynomials to 4e-15 of its largest value between -|x| and |x|.
  /// Throws ConfigError: a sentence that begins with the expression in quotes.
  static std::shared_ptr<const NumericalActivation> from_expression(
      const std::string& text, const std::optional<std::vector<double>>& kinks);

  /// s(x) and s'(x). NaN where an expression is not represented, which is nowhere near 0.
  [[nodiscard]] Jet jet(double x) const { return jet_(x); }
  [[nodiscard]] double value(double x) const { return jet_(x).value; }
  [[nodiscard]] double derivative(double x) const { return jet_(x).derivative; }

  /// Where s, s' or a higher derivative jumps, ascending; empty if s is smooth.
  [[nodiscard]] const std::vector<double>& kinks() const { return kinks_; }
  /// Whether s itself jumps, so that E[s'(u) s'(v)] is not the derivative of F, which is infinite
  /// at correlation 1.
  [[nodiscard]] bool has_jump() const { return has_jump_; }
  /// Where quadrature rules are cut, ascending.
  [[nodiscard]] std::span<const double> cuts() const { return panels_.cuts(); }

  /// F(q, q, q) and G(q, q, q) for q >= 0; not finite where the moment diverges, or does not
  /// converge within 37 standard deviations. 150 to 300 evaluations of s: about 8 microseconds.
  [[nodiscard]] Duals<double> diagonal(double q) const;

  /// A bound of diagonal(q)'s error, relative to F and to G, whichever is larger: what halving the
  /// panels changes, the representation of an expression, and the disagreement of s' with s in
  /// Stein's identities E[z s] = sqrt(q) E[s'] and E[z s^2] = 2 sqrt(q) E[s s'].
  [[nodiscard]] double error_bound(double q) const;

  /// F and G for c^2 <= q1 q2 (beyond by rounding means equality), symmetric in q1 and q2. By the
  /// Hermite series where Parseval's identity bounds its tail by 1e-14, else by panels in both
  /// variables, refined until two rules agree to kDualTolerance; relative to
  /// sqrt(F(q1, q1, q1) F(q2, q2, q2)), for G likewise. Not finite where a diagonal is not.
  /// 0.1 to 10 milliseconds. Throws NumericalError if the rules never agree.
  [[nodiscard]] Duals<double> duals(double q1, double q2, double c) const;
  static constexpr double kDualTolerance = 5e-14;

  /// The part of the axis of z outside of which s(sqrt(q) z)^2 times the density of z is below
  /// 1e-34 of its integral, and for s' likewise; `diagonal` is diagonal(q).
  [[nodiscard]] Reach reach(double q, const Duals<double>& diagonal) const;

 private:
  NumericalActivation(std::function<Jet(double)> jet, SmoothPanels panels,
                      std::vector<double> kinks, bool is_represented);

  [[nodiscard]] Duals<double> diagonal(double q, const Fineness& fineness) const;
  /// Whether the density of z times s^2 and times s'^2 are at most a part of their integrals.
  [[nodiscard]] bool is_negligible(double z, double deviation, const Duals<double>& whole,
                                   double part) const;
  [[nodiscard]] Duals<double> line(double q1, double q2, double sign,
                                   const Fineness& fineness) const;
  struct Pair;
  [[nodiscard]] std::optional<Duals<double>> series(const Pair& pair) const;
  [[nodiscard]] Duals<double> plane(const Pair& pair, Reach outer, Reach inner,
                                    const Fineness& fineness) const;

  std::function<Jet(double)> jet_;
  SmoothPanels panels_;
  std::vector<double> kinks_;
  bool has_jump_ = false;
  bool is_represented_;  ///< s is given by panels_, not by a formula of its own
};

}  // namespace ntkflow
