#pragma once

#include <cstdint>

#include <ntkflow/dynamics/options.hpp>

namespace ntkflow {

/// phi_t(lambda) = (1 - exp(-t lambda / N)) / lambda, entire in lambda: t/N at lambda = 0, and
/// 1/lambda for t = infinity. From expm1, so that no digits cancel. Local.
double flow_filter(double lambda, double t, std::int64_t n);

/// How full-batch training moves the coefficients A, from A_0 = 0 on, of f = f_0 + kappa^T A with
/// kernel K, samples N and residual r = y - f_0(X). With the gradient G(A) = (K A - r) / N:
///
///     flow              d/dt A = -G(A)
///     gradient_descent  A_{s+1} = A_s - eta G(A_s)
///     heavy_ball        A_{s+1} = A_s - eta G(A_s) + beta (A_s - A_{s-1})
///     nesterov          A_{s+1} = V_s - eta G(V_s),   V_s = A_s + beta (A_s - A_{s-1})
///
/// All are A = phi(K) r with a function phi of each eigenvalue alone, and with A_{-1} = A_0. A
/// point of training is a time of the flow, or a number of steps, whole and at most 2^53; either
/// may be infinite. With x = eta lambda / N a mode is stable for 0 < x < 2, for 0 < x < 2 (1 +
/// beta) with heavy ball, and for 0 < x < 2 (1 + beta) / (1 + 2 beta) with Nesterov's momentum:
/// there the roots of z^2 - (1 - x + g) z + g are inside the unit circle, g = 0, beta or beta
/// (1 - x). All members are Local. Ref: Polyak (1964); Nesterov (1983); Sutskever, Martens, Dahl,
/// Hinton (2013); Lessard, Recht, Packard (2016), section 4.
struct TrainingRule {
  Optimizer optimizer = Optimizer::flow;
  double learning_rate = 0.0;  ///< eta, absolute; of no meaning to the flow
  double momentum = 0.0;       ///< beta in [0, 1), of heavy_ball and nesterov

  [[nodiscard]] bool has_steps() const { return optimizer != Optimizer::flow; }
  /// The time that a point stands for: itself, or steps times the learning rate.
  [[nodiscard]] double time(double point) const;

  /// phi(lambda), 1/lambda at the infinite point of a stable mode. Values beyond 1e120, which leave
  /// room for squares and sums, are infinite; none is NaN.
  [[nodiscard]] double filter(double lambda, double point, std::int64_t n) const;
  /// p(lambda) = 1 - lambda phi(lambda), the part of the residual that is left.
  [[nodiscard]] double residual(double lambda, double point, std::int64_t n) const;

  /// Learning rates below this one are stable; infinite for the flow. @param lambda_max  of
  /// (K + ridge I) / N
  [[nodiscard]] double stable_learning_rate(double lambda_max) const;
  [[nodiscard]] bool is_stable(double lambda, std::int64_t n) const;
  /// The factor by which p(lambda) changes in a late step; 1 for the flow.
  [[nodiscard]] double growth(double lambda, std::int64_t n) const;

  /// How far errors E in the products K A, made all along, reach lambda phi: by at most this many
  /// times the largest |E_j| G^(s - j) over the steps j before. For the flow 1 - p_t(lambda). For
  /// steps the sum of |p_j - p_{j-1}| G^-j over 0 < j < s, for the product with A_0 = 0 has no
  /// error: 1 - p_{s-1} where p falls monotonically, else bounded through the roots' magnitudes,
  /// and 1 + 2 beta times that where products are taken at V_s.
  /// @param growth  G >= 1, at least that of this mode where it is not stable
  [[nodiscard]] double transmission(double lambda, double point, double growth,
                                    std::int64_t n) const;
};

/// The rule that the options ask for. @param lambda_max  of K / N. Local.
TrainingRule training_rule(const DynamicsOptions& options, double lambda_max);

/// "gradient descent", say, in messages. Local.
const char* optimizer_text(Optimizer optimizer);

/// Throws ConfigError where the rule has an unstable learning rate and the options refuse one.
/// Local. @param lambda_max  of (K + ridge I) / N
void require_stable(const DynamicsOptions& options, const TrainingRule& rule, double lambda_max);

}  // namespace ntkflow
