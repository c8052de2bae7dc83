#pragma once

#include <boost/multiprecision/cpp_bin_float.hpp>

namespace ntkflow {

/// Floating point of 100 decimal digits, as zonal_kernels takes it: an eigenvalue of degree d on
/// the cube {-1, 1}^d is about e^-d of the kernel's values, of which it is a sum.
using Extended = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<100>,
                                               boost::multiprecision::et_off>;

}  // namespace ntkflow
