#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/regression/scores.hpp>

namespace ntkflow {
namespace {

Matrix<double> matrix(std::int64_t rows, std::vector<double> by_columns) {
  Matrix<double> m(rows, static_cast<std::int64_t>(by_columns.size()) / rows);
  std::copy(by_columns.begin(), by_columns.end(), m.data());
  return m;
}

TEST(ScoresTest, MeanSquaredErrorAveragesSamplesAndOutputs) {
  const auto f = matrix(2, {1.0, 2.0, 3.0, 4.0});
  const auto y = matrix(2, {0.0, 2.0, 5.0, 4.0});
  EXPECT_DOUBLE_EQ(mean_squared_error(f.view(), y.view()), (1.0 + 4.0) / 4.0);
}

TEST(ScoresTest, FlowLossAveragesSamplesAlone) {
  const auto f = matrix(2, {1.0, 2.0, 3.0, 4.0});
  const auto y = matrix(2, {0.0, 2.0, 5.0, 4.0});
  EXPECT_DOUBLE_EQ(flow_loss(f.view(), y.view()), 0.5 * (1.0 + 4.0) / 2.0);
}

TEST(ScoresTest, ClassIsTheLargestOutputAndTheFirstOfEquals) {
  const auto f = matrix(3, {0.1, 0.5, 0.2, 0.9, 0.5, -1.0});
  EXPECT_EQ(predicted_classes(f.view()), (std::vector<std::int64_t>{1, 0, 0}));
}

TEST(ScoresTest, OneOutputIsRoundedToAClass) {
  const auto f = matrix(4, {-0.2, 0.7, 2.4, 3.6});
  EXPECT_EQ(predicted_classes(f.view()), (std::vector<std::int64_t>{0, 1, 2, 4}));
}

TEST(ScoresTest, AccuracyCountsRightClasses) {
  const auto f = matrix(4, {-0.2, 0.7, 2.4, 3.6});
  const std::vector<std::int64_t> label{0, 1, 3, 4};
  EXPECT_DOUBLE_EQ(accuracy(f.view(), label), 0.75);
}

}  // namespace
}  // namespace ntkflow
