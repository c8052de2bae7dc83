#pragma once

#include <array>

namespace ntkflow {

/// Mills's ratio m(y) = Phi(-y) / phi(y), y >= 0, of the standard normal distribution function and
/// density: with z = 1 / (y + 4) and t = 1 - 8 z,
///   m(y) = z (4 m(0) + 2 y z p(t)),   m(0) - m(y) = y z (m(0) - 2 z p(t)),
/// the second of which keeps its digits towards y = 0. Coefficients of p, lowest first. Largest
/// relative errors, rounding of the coefficients included: of m(y) 2.7e-16 (double) and 9.6e-8
/// (float), of m(0) - m(y) 1.6e-17 and 1.8e-8. Chebyshev series of p from its values at 80 nodes in
/// 40 digits, cut off and written in powers of t.
template <class Real>
inline constexpr std::array<Real, 0> kMillsPolynomial{};

template <>
inline constexpr std::array<double, 24> kMillsPolynomial<double>{
    -3.1200374859535156,     1.5962665751335328,      -0.6258570202659329,
    0.1583160572675597,      -0.006924294955660701,   -0.01197615590498912,
    0.0032538606408944073,   0.0008339950275684207,   -0.0004997505093591848,
    -7.951871037373102e-05,  7.473600375972953e-05,   1.3359381615536392e-05,
    -1.1564995397298095e-05, -3.277377789047316e-06,  1.7033843563686845e-06,
    8.638203958869528e-07,   -1.8841447296902412e-07, -2.1034647860522853e-07,
    5.07754789455288e-10,    4.30067210394912e-08,    5.463229627981938e-09,
    -6.449079646133872e-09,  -9.056562333127787e-10,  5.203164584631047e-10};

template <>
inline constexpr std::array<float, 12> kMillsPolynomial<float>{
    -3.1200376F,   1.5962666F,     -0.6258573F,     0.15831593F,    -0.0069212443F, -0.011975096F,
    0.0032404566F, 0.00083015906F, -0.00047260278F, -7.252469e-05F, 4.8152677e-05F, 6.6776092e-06F};

}  // namespace ntkflow
