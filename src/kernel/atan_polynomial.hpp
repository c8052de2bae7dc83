#pragma once

#include <array>

namespace ntkflow {

/// Coefficients, lowest first, of a minimax polynomial R(z) with atan(t) = t + 2 pi t z R(z),
/// z = t^2, for |t| <= tan(pi/8). Largest relative error of R, rounding of the coefficients
/// included: 7.6e-17 (double) and 1.7e-8 (float). Remez exchange on the relative error, 50 digits.
template <class Real>
inline constexpr std::array<Real, 0> kAtanPolynomial{};

template <>
inline constexpr std::array<double, 12> kAtanPolynomial<double>{
    -0.05305164769729845, 0.03183098861837876,  -0.022736420441614162, 0.017683882556422944,
    -0.01446863065945387, 0.0122426700882062,   -0.010609947604273978, 0.009356637243982882,
    -0.00832474360334633, 0.007245025511782622, -0.005504376194122196, 0.002594390467683165};

template <>
inline constexpr std::array<float, 6> kAtanPolynomial<float>{-0x1.b2995ep-5F, 0x1.04c258p-5F,
                                                             -0x1.747920p-6F, 0x1.20b3e6p-6F,
                                                             -0x1.c1e0d4p-7F, 0x1.07779cp-7F};

}  // namespace ntkflow
