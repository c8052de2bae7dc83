#pragma once

#include <functional>
#include <string>

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <ntkflow/kernel/kernel_evaluator.hpp>

namespace ntkflow::test {

/// Runs `body` once with each instruction set that is compiled in and that this machine has.
inline void for_each_simd_target(const std::function<void()>& body) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();
    SCOPED_TRACE(simd_target_in_use());
    EXPECT_EQ(simd_target_in_use(), hwy::TargetName(target));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().DeInit();
}

}  // namespace ntkflow::test
