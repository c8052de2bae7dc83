#include <cstdlib>

#include <gtest/gtest.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/matrix.hpp>

namespace ntkflow::test {
namespace {

void expect_below(int value, int limit) {
  NTKFLOW_EXPECTS(value < limit, value, limit);
}

TEST(ContractDeathTest, PrintsConditionPlaceAndValues) {
  expect_below(1, 2);
  EXPECT_DEATH(expect_below(3, 2), "internal error at .*test_contract.cpp.*value < limit.* 3 2");
}

TEST(ContractDeathTest, CallsTheHook) {
  EXPECT_EXIT(
      {
        contract::set_abort_hook([] { std::_Exit(7); });
        expect_below(3, 2);
      },
      testing::ExitedWithCode(7), "value < limit");
}

TEST(ContractDeathTest, ViewsCheckTheirBlocks) {
  Matrix<double> a(3, 3);
  EXPECT_EQ(a.view().block(1, 0, 2, 3).rows, 2);
  EXPECT_DEATH(static_cast<void>(a.view().block(2, 0, 2, 3)), "internal error");
  EXPECT_DEATH((MatrixView<double>{a.data(), 3, 3, 2}), "ld >= rows");
}

}  // namespace
}  // namespace ntkflow::test
