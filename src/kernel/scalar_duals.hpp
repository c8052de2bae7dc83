#pragma once

#include "activation.hpp"

// The duals of any activation for scalars.
namespace ntkflow {

/// F(q1, q2, c) and G, by the formula of the activation's source. Value is double or long double;
/// what is only known numerically has the digits of a double. Local.
template <class Value>
Duals<Value> scalar_duals(const PreparedActivation& activation, Value q1, Value q2, Value c);

/// F(q, q, q) and G(q, q, q) from q alone; not finite where the second moment diverges. Value is
/// float, double or long double. Local.
template <class Value>
Duals<Value> scalar_diagonal(const PreparedActivation& activation, Value q);

/// Duals of a pair with |c| = sqrt(q1 q2) - gap and the sign of c_sign. Local.
NearDuals near_duals(const PreparedActivation& activation, double q1, double q2, double c_sign,
                     double gap);

/// Whether the textbook form integrates, so that it takes tens of microseconds. Local.
bool has_slow_textbook(const PreparedActivation& activation);

/// Whether s(r x) = r^n s(x) for an n and all r > 0. Local.
bool is_homogeneous(const PreparedActivation& activation);

/// Whether s or s' jumps, so that the kernel has a term in the angle between two samples. Local.
bool has_kink(const PreparedActivation& activation);

}  // namespace ntkflow
