#include <string>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/linalg/eigen.hpp>

#include "workspace.hpp"

// Sizes that no test machine can hold: only the formulas are asked.
namespace ntkflow::test {
namespace {

template <class Check>
std::string refusal(Check&& check) {
  try {
    check();
  } catch (const ResourceError& error) {
    return error.what();
  }
  return {};
}

TEST(CholeskySizeTest, LargestLocalPartIs46340Square) {
  constexpr std::int64_t kLargest = 46340;  // floor(sqrt(2^31 - 1))
  EXPECT_NO_THROW(check_cholesky_size(kLargest, 64, {1, 1}));
  EXPECT_THROW(check_cholesky_size(kLargest + 1, 64, {1, 1}), ResourceError);
  EXPECT_NO_THROW(check_cholesky_size(60000, 64, {1, 2}));
  EXPECT_NO_THROW(check_cholesky_size(60000, 64, {2, 1}));
}

TEST(CholeskySizeTest, RefusalNamesRanksThatWork) {
  // 100,000^2 / (2^31 - 1) = 4.66, so 5 ranks.
  const std::string message = refusal([] { check_cholesky_size(100000, 64, {1, 2}); });
  EXPECT_NE(message.find("on 5 or more ranks"), std::string::npos) << message;
  EXPECT_NE(message.find("100000"), std::string::npos) << message;
  EXPECT_NO_THROW(check_cholesky_size(100000, 64, {1, 5}));
}

TEST(EigenSizeTest, LargestLocalPartIsAbout32760Square) {
  EXPECT_NO_THROW(check_eigen_size(32760, 64, {1, 1}));
  EXPECT_THROW(check_eigen_size(32768, 64, {1, 1}), ResourceError);
  EXPECT_THROW(check_eigen_size(50000, 64, {1, 2}), ResourceError);
}

TEST(EigenSizeTest, RefusalNamesRanksThatWork) {
  const std::string message = refusal([] { check_eigen_size(50000, 64, {1, 2}); });
  EXPECT_NE(message.find("on 3 or more ranks"), std::string::npos) << message;
  EXPECT_NO_THROW(check_eigen_size(50000, 64, {1, 3}));
}

TEST(EigenWorkspaceTest, DocumentedFormula) {
  // n = 100, block 10 on 2 x 2: np = nq = 50. 1 + 600 + 2 * 2500 + 200.
  EXPECT_EQ(eigen_workspace(100, 10, {2, 2}), 5801);
  // In 32 bits 2 * 40000^2 would be negative.
  EXPECT_EQ(eigen_workspace(40000, 64, {1, 1}), 1 + 8 * 40000 + 2 * 40000LL * 40000LL);
}

TEST(EigenWorkspaceTest, BackTransformationWithBlockLargerThanMatrix) {
  // p?ormtr: max(64 * 63 / 2, (5 + 5) * 64) + 64^2, far above the documented 399 + 10.
  EXPECT_EQ(eigen_workspace(5, 64, {1, 1}), 64 * 63 / 2 + 64 * 64 + 10);
}

TEST(WorkspaceSizeTest, LargerOfFormulaAndQueryPlusMargin) {
  EXPECT_EQ(workspace_size(100, 0.0, "p?x"), 100 + kWorkspaceMargin);
  EXPECT_EQ(workspace_size(100, 200.5, "p?x"), 201 + kWorkspaceMargin);
  const std::string message = refusal([] { workspace_size(std::int64_t{1} << 31, 0.0, "p?x"); });
  EXPECT_NE(message.find("the workspace of p?x"), std::string::npos) << message;
}

TEST(AutomaticBlockSizeTest, SmallMatricesStillGiveEveryProcessBlocks) {
  EXPECT_EQ(automatic_block_size(0, {1, 1}), 16);
  EXPECT_EQ(automatic_block_size(1, {1, 6}), 16);
  EXPECT_EQ(automatic_block_size(400, {1, 2}), 48);
  EXPECT_EQ(automatic_block_size(4000, {1, 2}), 128);
}

TEST(AutomaticBlockSizeTest, WideWhereEveryProcessHasSixteen) {
  EXPECT_EQ(automatic_block_size(4095, {1, 1}), 128);
  EXPECT_EQ(automatic_block_size(4096, {1, 1}), 256);
  EXPECT_EQ(automatic_block_size(8191, {1, 2}), 128);
  EXPECT_EQ(automatic_block_size(8192, {2, 1}), 256);
  EXPECT_EQ(automatic_block_size(60000, {2, 4}), 256);
}

}  // namespace
}  // namespace ntkflow::test
