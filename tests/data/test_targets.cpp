#include <cmath>
#include <limits>

#include "data_files.hpp"
#include "targets.hpp"

namespace ntkflow {
namespace {

using test::expect_error;
using Labels = std::vector<std::int64_t>;

Matrix<double> stored(std::int64_t columns, const std::vector<double>& values) {
  Matrix<double> targets(columns, static_cast<std::int64_t>(values.size()) / columns);
  std::copy(values.begin(), values.end(), targets.data());
  return targets;
}

TEST(ClassLabelsTest, TakesWholeNumbersFromZero) {
  EXPECT_EQ(class_labels(stored(1, {5, 0, -0.0, 3}).view(), "f"), (Labels{5, 0, 0, 3}));
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double wrong : {-1.0, 0.5, 1e300, infinity, -infinity, std::nan("")}) {
    expect_error<DataError>(
        [&] {
          class_labels(stored(1, {0, 1, wrong}).view(), "file");
        },
        {"'file', row 2", "is not a class number"});
  }
  expect_error<DataError>([&] { class_labels(stored(1, {-3}).view(), "file"); }, {"label -3 "});
  expect_error<DataError>(
      [&] {
        class_labels(stored(2, {0, 1}).view(), "file");
      },
      {"2 numbers per sample", "raw"});
}

TEST(ClassCountTest, IsConfiguredOrFoundInTheTrainingFile) {
  TargetOptions options;
  EXPECT_EQ(class_count(options, Labels{3, 9, 0}, "f"), 10);
  EXPECT_EQ(class_count(options, Labels{0}, "f"), 1);
  expect_error<DataError>(
      [&] {
        class_count(options, Labels{1, 1 << 30}, "file");
      },
      {"'file', row 1", "targets.classes"});
  options.classes = 12;
  EXPECT_EQ(class_count(options, Labels{3, 9, 0}, "f"), 12);
  for (const std::int64_t wrong : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40}) {
    options.classes = wrong;
    expect_error<ConfigError>([&] { class_count(options, Labels{0}, "f"); }, {"targets.classes"});
  }
}

TEST(CheckLabelsTest, NamesALabelOutsideTheClasses) {
  EXPECT_NO_THROW(check_labels(Labels{0, 9}, 10, "file"));
  expect_error<DataError>(
      [] {
        check_labels(Labels{0, 10}, 10, "file");
      },
      {"'file', row 1", "label 10", "10 classes 0 to 9"});
}

TEST(CheckFiniteTargetsTest, NamesTheFirst) {
  EXPECT_NO_THROW(check_finite_targets(stored(2, {1, 2, 3, 4}).view(), "file"));
  expect_error<DataError>(
      [] {
        check_finite_targets(stored(2, {1, 2, 3, std::nan("")}).view(), "file");
      },
      {"'file', row 1, column 1"});
}

TEST(EncodeTargetsTest, KnowsThreeEncodings) {
  const Matrix<double> labels_stored = stored(1, {2, 0, 1, 2});
  const Labels labels{2, 0, 1, 2};
  const TargetOptions options;

  const SplitInfo one_hot =
      encode_targets(options, TargetEncoding::one_hot, 3, {1, 3}, labels_stored.view(), labels);
  EXPECT_EQ(one_hot.source_row, (Labels{1, 3}));
  EXPECT_EQ(one_hot.label, (Labels{0, 2}));
  ASSERT_EQ(one_hot.target.cols(), 3);
  const std::vector<double> values(one_hot.target.data(), one_hot.target.data() + 6);
  EXPECT_EQ(values, (std::vector<double>{0.9, -0.1, -0.1, -0.1, -0.1, 0.9}));

  const SplitInfo index =
      encode_targets(options, TargetEncoding::class_index, 3, {0, 2}, labels_stored.view(), labels);
  EXPECT_EQ(index.label, (Labels{2, 1}));
  ASSERT_EQ(index.target.cols(), 1);
  EXPECT_EQ(index.target(0, 0), 2.0);
  EXPECT_EQ(index.target(1, 0), 1.0);

  const SplitInfo raw = encode_targets(options, TargetEncoding::raw, 0, {1},
                                       stored(2, {1.5, 2.5, 3.5, 4.5}).view(), {});
  EXPECT_TRUE(raw.label.empty());
  ASSERT_EQ(raw.target.cols(), 2);
  EXPECT_EQ(raw.target(0, 0), 3.5);
  EXPECT_EQ(raw.target(0, 1), 4.5);
}

}  // namespace
}  // namespace ntkflow
