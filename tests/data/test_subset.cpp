#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "data_files.hpp"
#include "subset.hpp"

namespace ntkflow {
namespace {

using test::expect_error;
using Rows = std::vector<std::int64_t>;

TEST(DrawWithoutReplacementTest, IsSortedDistinctAndSeeded) {
  for (const std::int64_t n : {0, 1, 2, 7, 100}) {
    for (std::int64_t k = 0; k <= n; k += 1 + n / 10) {
      const Rows drawn = draw_without_replacement(n, k, RandomStream(1, 2));
      EXPECT_EQ(static_cast<std::int64_t>(std::set(drawn.begin(), drawn.end()).size()), k);
      EXPECT_TRUE(std::is_sorted(drawn.begin(), drawn.end()));
      EXPECT_TRUE(drawn.empty() || (drawn.front() >= 0 && drawn.back() < n));
      EXPECT_EQ(drawn, draw_without_replacement(n, k, RandomStream(1, 2)));
    }
  }
  EXPECT_NE(draw_without_replacement(100, 10, RandomStream(1, 2)),
            draw_without_replacement(100, 10, RandomStream(2, 2)));
}

TEST(DrawWithoutReplacementTest, EverySetIsEquallyLikely) {
  std::map<Rows, int> counts;
  constexpr int kDraws = 20'000;
  for (std::uint64_t seed = 0; seed < kDraws; ++seed) {
    ++counts[draw_without_replacement(5, 2, RandomStream(seed, 0))];
  }

  EXPECT_EQ(counts.size(), 10u);
  double chi_square = 0.0;
  for (const auto& [rows, count] : counts) {
    const double excess = count - kDraws / 10.0;
    chi_square += excess * excess / (kDraws / 10.0);
  }
  EXPECT_LT(chi_square, 27.9);  // the 99.9 % quantile for 9 degrees of freedom
}

class TrainingRowsTest : public testing::Test {
 protected:
  Rows rows(std::int64_t available, const Rows& labels = {}, std::int64_t classes = 0) {
    return training_rows(options_, available, labels, classes);
  }

  DataOptions options_;
};

TEST_F(TrainingRowsTest, FirstTakesTheFirstAfterTheOffset) {
  EXPECT_EQ(rows(3), (Rows{0, 1, 2}));
  options_.train_size = 2;
  EXPECT_EQ(rows(3), (Rows{0, 1}));
  options_.train_offset = 1;
  EXPECT_EQ(rows(3), (Rows{1, 2}));
  options_.train_size.reset();
  EXPECT_EQ(rows(4), (Rows{1, 2, 3}));
}

TEST_F(TrainingRowsTest, RandomDrawsFromAllRowsAfterTheOffset) {
  options_.subset = SubsetRule::random;
  options_.train_size = 50;
  options_.train_offset = 40;
  const Rows drawn = rows(100);

  EXPECT_EQ(drawn.size(), 50u);
  EXPECT_GE(drawn.front(), 40);
  EXPECT_GT(drawn.back(), 90);
  options_.seed = 1;
  EXPECT_NE(rows(100), drawn);
  options_.train_size = 60;
  Rows all(60);
  std::iota(all.begin(), all.end(), 40);
  EXPECT_EQ(rows(100), all);
}

TEST_F(TrainingRowsTest, PerClassTakesTheFirstOfEachInFileOrder) {
  const Rows labels{0, 0, 0, 1, 2, 1, 2, 2, 1, 0};
  options_.subset = SubsetRule::per_class;
  options_.train_size = 6;
  EXPECT_EQ(rows(10, labels, 3), (Rows{0, 1, 3, 4, 5, 6}));
  options_.train_offset = 2;
  EXPECT_EQ(rows(10, labels, 3), (Rows{2, 3, 4, 5, 6, 9}));
  options_.train_size.reset();
  EXPECT_EQ(rows(10, labels, 3).size(), 8u);

  options_.train_size = 7;
  expect_error<ConfigError>([&] { rows(10, labels, 3); }, {"7", "not a multiple of the 3"});
  options_.train_size = 3;
  options_.train_offset = 6;
  EXPECT_EQ(rows(10, labels, 3), (Rows{6, 8, 9}));
  expect_error<DataError>(
      [&] { training_rows(options_, 9, Rows(labels.begin(), labels.end() - 1), 3); },
      {"class 0 has only 0"});
  expect_error<ConfigError>([&] { rows(10); }, {"needs class labels"});
}

TEST_F(TrainingRowsTest, RefusesSizesThatCannotBe) {
  options_.train_size = 0;
  expect_error<ConfigError>([&] { rows(10); }, {"train_size = 0"});
  options_.train_size = -5;
  expect_error<ConfigError>([&] { rows(10); }, {"train_size = -5"});
  options_.train_size = 11;
  for (const auto rule : {SubsetRule::first, SubsetRule::random}) {
    options_.subset = rule;
    expect_error<DataError>([&] { rows(10); }, {"train_size = 11", "10 samples"});
  }
  options_.train_size = 8;
  options_.train_offset = 3;
  expect_error<DataError>([&] { rows(10); }, {"train_size = 8", "10 samples", "7 of them"});
  options_.train_offset = -1;
  expect_error<ConfigError>([&] { rows(10); }, {"train_offset = -1"});
  options_.train_size.reset();
  options_.train_offset = 10;
  expect_error<DataError>([&] { rows(10); }, {"10 samples", "0 of them"});
}

TEST(TestSizeTest, TakesAllOrTheFirst) {
  DataOptions options;
  EXPECT_EQ(test_size(options, 10), 10);
  options.test_size = 0;
  EXPECT_EQ(test_size(options, 10), 0);
  options.test_size = 10;
  EXPECT_EQ(test_size(options, 10), 10);
  options.test_size = 11;
  expect_error<DataError>([&] { test_size(options, 10); }, {"test_size = 11", "10 samples"});
  options.test_size = -1;
  expect_error<ConfigError>([&] { test_size(options, 10); }, {"test_size = -1"});
}

}  // namespace
}  // namespace ntkflow
