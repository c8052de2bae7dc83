#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "width_powers.hpp"

namespace ntkflow::test {
namespace {

bool is_smooth(const ActivationSpec& activation) {
  const WidthPowers powers = width_powers(activation);
  EXPECT_EQ(powers.kernel_deviation, -0.5);
  EXPECT_EQ(powers.function_gap, -0.5);
  const bool has_smooth_drift = powers.kernel_drift == -1.0;
  EXPECT_EQ(powers.kernel_drift, has_smooth_drift ? -1.0 : -0.75);
  EXPECT_EQ(powers.jacobian_change, has_smooth_drift ? -0.5 : -0.25);
  return has_smooth_drift;
}

TEST(WidthPowersTest, KnowWhereTheSlopeJumps) {
  EXPECT_FALSE(is_smooth({"relu", {}}));
  EXPECT_FALSE(is_smooth({"leaky_relu", {{"negative_slope", {0.2}}}}));
  EXPECT_FALSE(is_smooth({"abs", {}}));
  EXPECT_FALSE(is_smooth({"hard_tanh", {}}));
  EXPECT_FALSE(is_smooth({"elu", {{"alpha", {0.5}}}}));
  EXPECT_FALSE(is_smooth({"expression", {{"kinks", {1.0}}}, "max(x-1,0)"}));
}

TEST(WidthPowersTest, KnowWhereTheSlopeIsContinuous) {
  for (const char* name : {"erf", "tanh", "gelu", "sin"}) {
    EXPECT_TRUE(is_smooth({name, {}})) << name;
  }
  EXPECT_TRUE(is_smooth({"elu", {{"alpha", {1.0}}}}));
  EXPECT_TRUE(is_smooth({"expression", {}, "x*tanh(log(1+exp(x)))"}));
}

TEST(WidthPowersTest, JumpsThatAreNotFeltDoNotCount) {
  EXPECT_TRUE(is_smooth({"leaky_relu", {{"negative_slope", {0.99}}}}));
  EXPECT_TRUE(is_smooth({"expression", {{"kinks", {9.0}}}, "sin(x)+max(x-9,0)"}));
}

}  // namespace
}  // namespace ntkflow::test
