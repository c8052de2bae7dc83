#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/kernel/zonal_kernels.hpp>

#include "multiprecision.hpp"

namespace ntkflow::test {
namespace {

using Extended = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<100>,
                                               boost::multiprecision::et_off>;

const Architecture kKernels[] = {
    {5, {"relu", {}}, 2.0, 0.1, FirstLayer::normalised},
    {4, {"relu", {}}, 2.0, 0.0, FirstLayer::plain},
    {4, {"abs", {}}, 1.0, 0.5, FirstLayer::normalised},
    {4, {"erf", {}}, 4.0, 0.0, FirstLayer::normalised},
    {3, {"sin", {{"frequency", {1.5}}}}, 1.0, 0.25, FirstLayer::normalised},
    {3, {"polynomial", {{"coefficients", {0.5, 1.0, 0.25}}}}, 0.5, 0.5, FirstLayer::normalised},
    {3, {"tanh", {}}, 1.5, 0.1, FirstLayer::normalised},
    {3, {"hard_tanh", {}}, 1.5, 0.1, FirstLayer::normalised}};

template <class Value>
void expect_exact(const Architecture& kernel, double tolerance) {
  constexpr std::int64_t kDimension = 8;
  std::vector<Value> t;
  for (int i = 0; i <= kDimension; ++i) {
    t.push_back(Value(2 * i - kDimension) / kDimension);
  }
  const ZonalKernels<Value> found = zonal_kernels(kernel, kDimension, t);
  ASSERT_EQ(std::ssize(found.nngp), kernel.depth);
  ASSERT_EQ(std::ssize(found.ntk), kernel.depth);
  for (std::size_t i = 0; i < t.size(); ++i) {
    const auto exact = exact_kernels_by_depth(kernel, kDimension, kDimension, kDimension,
                                              2 * static_cast<int>(i) - kDimension);
    for (std::size_t l = 0; l < exact.size(); ++l) {
      SCOPED_TRACE(kernel.activation.name + " depth " + std::to_string(l + 1));
      const auto distance = [&](const Value& value, const Digits50& expected) {
        return static_cast<double>(abs(Digits50(value) - expected));
      };
      // The oracle's own digits: of 50, or of long double where it integrates.
      const double oracle = (kernel.activation.name.ends_with("tanh") ? 1e-17 : 1e-46) *
                            static_cast<double>(found.ntk[l].back());
      EXPECT_LE(distance(found.nngp[l][i], exact[l].nngp), found.nngp_error[l] + oracle);
      EXPECT_LE(distance(found.ntk[l][i], exact[l].ntk), found.ntk_error[l] + oracle);
      EXPECT_LE(found.ntk_error[l], tolerance * static_cast<double>(found.ntk[l].back()));
    }
  }
}

TEST(ZonalKernelsTest, StayWithinTheErrorsThatTheyState) {
  for (const Architecture& kernel : kKernels) {
    const bool is_integrated = kernel.activation.name.ends_with("tanh");
    expect_exact<Extended>(kernel, is_integrated ? 1e-9 : 1e-93);
    expect_exact<double>(kernel, is_integrated ? 1e-9 : 1e-10);
  }
}

TEST(ZonalKernelsTest, VarianceBeyondAllNumbersIsAnError) {
  const Architecture kernel{6, {"exp", {}}, 4.0, 0.0, FirstLayer::normalised};
  EXPECT_THROW(zonal_kernels<double>(kernel, 3, {-1.0, 1.0}), NumericalError);
}

}  // namespace
}  // namespace ntkflow::test
