#include <cmath>
#include <limits>

#include "data_files.hpp"
#include "targets.hpp"

namespace ntkflow {
namespace {

using test::expect_error;
using Labels = std::vector<std::int64_t>;
using Reals = std::vector<double>;

Matrix<double> stored(std::int64_t columns, const std::vector<double>& values) {
  Matrix<double> targets(columns, static_cast<std::int64_t>(values.size()) / columns);
  std::copy(values.begin(), values.end(), targets.data());
  return targets;
}

TEST(ClassLabelsTest, TakesWholeNumbersFromZero) {
  EXPECT_EQ(class_labels(Reals{5, 0, -0.0, 3}, 0, "f"), (Labels{5, 0, 0, 3}));
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double wrong : {-1.0, 0.5, 1e300, infinity, -infinity, std::nan("")}) {
    expect_error<DataError>(
        [&] {
          class_labels(Reals{0, 1, wrong}, 40, "file");
        },
        {"'file', row 42", "is not a class number"});
  }
  expect_error<DataError>([&] { class_labels(Reals{-3}, 0, "file"); }, {"label -3 "});
  EXPECT_NO_THROW(check_label_columns(1, "file"));
  expect_error<DataError>([] { check_label_columns(2, "file"); }, {"2 numbers per sample", "raw"});
}

TEST(ClassCountTest, IsConfiguredOrFoundInTheTrainingFile) {
  TargetOptions options;
  EXPECT_EQ(class_count(options, Labels{3, 9, 0}, 0, "f"), 10);
  EXPECT_EQ(class_count(options, Labels{0}, 0, "f"), 1);
  expect_error<DataError>(
      [&] {
        class_count(options, Labels{1, 1 << 30}, 7, "file");
      },
      {"'file', row 8", "targets.classes"});
  options.classes = 12;
  EXPECT_EQ(class_count(options, Labels{3, 9, 0}, 0, "f"), 12);
  for (const std::int64_t wrong : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40}) {
    options.classes = wrong;
    expect_error<ConfigError>([&] { class_count(options, Labels{0}, 0, "f"); },
                              {"targets.classes"});
  }
}

TEST(CheckSeveralClassesTest, RefusesOneHotTargetsOfOneClass) {
  TargetOptions options;
  EXPECT_NO_THROW(check_several_classes(options, 2, "file"));
  expect_error<DataError>([&] { check_several_classes(options, 1, "file"); },
                          {"'file' has only one class", "class_index"});
  options.classes = 1;
  expect_error<ConfigError>([&] { check_several_classes(options, 1, "file"); },
                            {"targets.classes = 1", "only one class", "raw"});
  options.encoding = TargetEncoding::class_index;
  EXPECT_NO_THROW(check_several_classes(options, 1, "file"));
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
  EXPECT_NO_THROW(check_finite_targets(stored(2, {1, 2, 3, 4}).view(), Labels{5, 9}, "file"));
  expect_error<DataError>(
      [] {
        check_finite_targets(stored(2, {1, 2, 3, std::nan("")}).view(), Labels{5, 9}, "file");
      },
      {"'file', row 9, column 1"});
}

TEST(EncodeLabelsTest, KnowsBothEncodings) {
  const Labels labels{0, 2};
  const TargetOptions options;

  const auto one_hot = encode_labels(options, TargetEncoding::one_hot, 3, labels);
  ASSERT_EQ(one_hot.cols(), 3);
  EXPECT_EQ(Reals(one_hot.data(), one_hot.data() + 6), (Reals{0.9, -0.1, -0.1, -0.1, -0.1, 0.9}));

  const auto index = encode_labels(options, TargetEncoding::class_index, 3, labels);
  ASSERT_EQ(index.cols(), 1);
  EXPECT_EQ(Reals(index.data(), index.data() + 2), (Reals{0, 2}));
}

}  // namespace
}  // namespace ntkflow
