#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include <ntkflow/dynamics/training_rule.hpp>

// The error of f_t on a Krylov space, in four parts. Only the first is known to decay with the
// space:
//
//   space      what the space leaves out; seen in how K A_t changed over the last blocks
//   products   the products used are not exactly those with K. With E = K - K_used and both flows
//              from the same r,
//                  K (A_t used - A_t) = int_0^t (1 - exp(-(t-s) K/N)) E d/ds A_s ds,
//              so that a white E A_t reaches predictions damped by the root mean square of
//              1 - exp(-t lambda_i / N) over the spectrum; at early times hardly at all
//   rounding   of sums in double, in this method and in any that it is compared with
//   roughness  between the times that are sampled, the larger estimate of both neighbours
//
// Steps of an optimizer drive errors likewise. With d_j its response to one gradient, as in
// training_rule.cpp, an error F_j in the product of step j leaves lambda A_s with an error of
//
//     sum_j x d_{s-j} F_j = sum_j (p_{s-j-1} - p_{s-j}) F_j,   0 < j < s,
//
// in a mode, at most max_j |F_j| times the sum of |p_j - p_{j-1}|, which is 1 - p_{s-1} where p
// falls monotonically and the flow's 1 - exp(-t lambda/N) for small steps:
// TrainingRule::transmission. F_j is E A_j, or the defect (A Q - Q H) Q^T A_j of a projected step.
// Where training diverges by a factor G a step, |F_j| is weighed by G^(s-j). Rounding is magnified
// like a defect: estimates stay 1 to 100 times the error as below, but up to 5,000 times where
// resonance meets rounding.
//
// The factors were calibrated on the NTK of MNIST at N = 2,000 and 4,000, with tolerances from 1e-2
// to 1e-13: in double with a factor and without, in single, and in single with products in double
// the estimate came out 1.9 to 54 times the error over 1,000 test points, at each of 25 times. The
// factor of rounding was doubled since, as errors of sums depend on the number of ranks: of
// hundreds of spaces on 1 to 4 ranks one exceeded the estimate by 16 %.
namespace ntkflow {

/// How large f_t is at one time, and how errors on the way reach it.
struct FlowScale {
  double norm = 0.0;          ///< max over outputs of |A_t|_2, and of those before, grown until t
  double transmission = 0.0;  ///< of white noise; at most 1 for the flow
  double resonance = 1.0;     ///< the largest transmission of any mode, at least 1
};

/// Positions of at most `most` positive times that stand for all, equally far apart on a
/// logarithmic scale, the first and the last among them. @param times  ascending. Local.
std::vector<std::size_t> sample_times(std::span<const double> times, std::size_t most);

/// Ritz values up to this one are zero to rounding and do not move. @param ritz  ascending, at
/// least one. Local.
double null_level(std::span<const double> ritz, std::int64_t n);

/// The sampled points, ascending, and up to 32 others before the last of them, equally far apart on
/// a logarithmic scale: from where the largest Ritz value begins to decay to where the smallest one
/// that moves has decayed. The defect of a few late times would miss what happened before them.
/// @param ritz  eigenvalues of the projected K + ridge I, ascending. Local.
std::vector<double> defect_times(const TrainingRule& rule, std::span<const double> ritz,
                                 std::span<const double> sampled, std::int64_t n);

/// One value for each time from those at the sampled ones: the larger of both neighbours, and 0 at
/// t = 0. Local.
std::vector<double> spread_samples(std::span<const double> times,
                                   std::span<const std::size_t> samples,
                                   std::span<const double> values);

/// The root mean square of transmission(lambda) over the spectrum of K + ridge I: the Ritz values
/// for themselves, and all else at the mean that the trace leaves. Local.
double white_transmission(std::span<const double> ritz, double trace, std::int64_t n,
                          const std::function<double(double)>& transmission);

/// The largest of it over the Ritz values, at least 1. Local.
double resonance(std::span<const double> ritz, const std::function<double(double)>& transmission);

/// The error still to come of a sequence, from its last three changes, newest last: the rest of a
/// geometric series. Without the factor for safety. Local.
double remaining_change(std::span<const double, 3> changes);

/// The part `space`. @param changes   max |K (A_t - A_t before)| of the last three extensions
/// @param defect  largest defect of the identity up to this time, at `defect_times`, times the
/// resonance; it bounds the error in the 2-norm. Local.
double space_error(std::span<const double, 3> changes, double defect);

/// The part `products` as expected of values rounded to the nearest: E has standard deviation
/// roundoff/2 x the kernel's size. @param top  largest eigenvalue of K. Local.
double expected_product_error(const FlowScale& scale, double roundoff, double top, std::int64_t n);

/// The part `products` from max |E A_t z|, scaled to an |A_t z|_2 of scale.norm. Local.
double measured_product_error(const FlowScale& scale, double largest_entry);

/// The part `rounding`. Local.
double rounding_error(const FlowScale& scale, double top, std::int64_t n);

}  // namespace ntkflow
