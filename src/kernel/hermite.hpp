#pragma once

#include <span>
#include <vector>

#include "numerical_activation.hpp"

// Activations in Hermite polynomials, in which the duals are power series of the correlation.
namespace ntkflow {

/// E[s(sqrt(q) z) h_k(z)] and E[s'(sqrt(q) z) h_k(z)], z ~ N(0, 1), with the orthonormal
/// (probabilists') Hermite polynomials h_k, and the parts of E[s^2] and E[s'^2] that coefficients
/// beyond these carry, relative to them and at least 1.8e-15, where rounding begins.
struct HermiteExpansion {
  std::vector<double> value;
  std::vector<double> slope;
  double value_tail = 0.0;
  double slope_tail = 0.0;
};

/// Both expansions with `size` >= 1 terms, for a q >= 0 with finite diagonal. Local. About
/// 1.5 size + 250 nodes, each 1 ns a term.
HermiteExpansion expand_hermite(const NumericalActivation& activation, double q, int size);

/// a_k(q) = E[s(sqrt(q) z) h_k(z)], from which F = sum a_k(q1) a_k(q2) rho^k and
/// G = sum k a_k(q1) a_k(q2) rho^(k-1) / sqrt(q1 q2) (Mehler 1866). Writes coefficients
/// 0 .. size - 1, each to 1e-15 of sqrt(E[s^2]). Local. 64 terms of tanh at q = 1 take about 50
/// microseconds.
void hermite_coefficients(const NumericalActivation& activation, double q,
                          std::span<double> coefficients);

/// The number of terms after which the tails of F and G at correlation 1, relative to F(q, q, q)
/// and G(q, q, q), are at most `tolerance` >= 2e-15, by Parseval's identity; only F's if s jumps.
/// 0 where it would exceed `most`. Local. Costs a few times the coefficients themselves.
int hermite_terms(const NumericalActivation& activation, double q, double tolerance, int most);

}  // namespace ntkflow
