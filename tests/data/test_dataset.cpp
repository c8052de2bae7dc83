#include <cmath>
#include <limits>
#include <numeric>

#include <support/mpi_test.hpp>
#include <support/tolerance.hpp>

#include <ntkflow/base/random.hpp>
#include <ntkflow/data/dataset.hpp>

#include "data_files.hpp"
#include "hdf5_file.hpp"

namespace ntkflow {
namespace {

using test::expect_error;
using test::gzipped;
using test::idx_bytes;
using Rows = std::vector<std::int64_t>;

constexpr std::uint32_t kTrain = 101;
constexpr std::uint32_t kTest = 37;
constexpr std::int64_t kDimension = 12;  // 3 x 4 images

int pixel(std::int64_t i) {
  return static_cast<int>(RandomStream(9, 9).bits(static_cast<std::uint64_t>(i)) % 256);
}
int label(std::int64_t i) {
  return static_cast<int>((i * i + 2) % 5);  // 0 never occurs, 1, 2 and 3 do
}

/// Every rank writes and reads a folder of its own: what one rank finds there is up to the test.
class DatasetTest : public testing::Test {
 protected:
  DataOptions idx_options() {
    DataOptions options;
    options.format = DataFormat::idx;
    options.train = {folder_.write("train-x", idx_bytes({kTrain, 3, 4}, pixel)),
                     folder_.write("train-y", gzipped(idx_bytes({kTrain}, label)))};
    options.test = {folder_.write("test-x.gz", gzipped(idx_bytes({kTest, 3, 4}, test_pixel))),
                    folder_.write("test-y", idx_bytes({kTest}, label))};
    return options;
  }
  static int test_pixel(std::int64_t i) { return pixel(i + kTrain * kDimension); }

  /// Expects the failure of rank `bad` on all ranks: its own error there, a RemoteError elsewhere.
  template <class Expected, class Work>
  void expect_collective_error(int bad, Work&& work, const std::vector<std::string>& parts) {
    if (world_.rank() == bad) {
      expect_error<Expected>(work, parts);
    } else {
      expect_error<RemoteError>(work, parts);
    }
  }
  void expect_refused(const DataOptions& options, const std::vector<std::string>& parts) {
    expect_error<Error>([&] { Dataset(world_, options); }, parts);
  }

  Communicator world_ = Communicator::world();
  test::TemporaryFolder folder_;
};

TEST_F(DatasetTest, KnowsSplitsAndTargets) {
  DataOptions options = idx_options();
  options.train_size = 20;
  options.train_offset = 3;
  options.test_size = 7;
  const Dataset data(world_, options);

  EXPECT_EQ(data.dimension(), kDimension);
  EXPECT_EQ(data.outputs(), 4);
  ASSERT_EQ(data.split(Split::train).size(), 20);
  ASSERT_EQ(data.split(Split::test).size(), 7);
  for (const auto& [split, offset] : {std::pair{Split::train, 3}, std::pair{Split::test, 0}}) {
    const SplitInfo& info = data.split(split);
    for (std::int64_t i = 0; i < info.size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      EXPECT_EQ(info.source_row[at], i + offset);
      EXPECT_EQ(info.label[at], label(i + offset));
      for (std::int64_t c = 0; c < 4; ++c) {
        EXPECT_EQ(info.target(i, c), c == label(i + offset) ? 0.9 : -0.1);
      }
    }
  }
  EXPECT_NE(data.source().find("train-x"), std::string::npos);
  EXPECT_NE(data.source().find("test-y"), std::string::npos);
}

TEST_F(DatasetTest, LoadsRaggedPositionsOfEachRank) {
  DataOptions options = idx_options();
  options.preprocess = {PreprocessStep::unit_interval};
  options.subset = SubsetRule::random;
  options.train_size = 50;
  const Dataset data(world_, options);
  for (const Split split : {Split::train, Split::test}) {
    const SplitInfo& info = data.split(split);
    Rows positions;
    // Rank 0 wants nothing, the others every (rank + 1)-th sample.
    for (std::int64_t i = 0; world_.rank() > 0 && i < info.size(); i += world_.rank() + 1) {
      positions.push_back(i);
    }
    const auto doubles = data.load<double>(split, positions);
    const auto floats = data.load<float>(split, positions);
    ASSERT_EQ(doubles.size(), static_cast<std::int64_t>(positions.size()));
    ASSERT_EQ(doubles.dimension(), kDimension);
    for (std::int64_t i = 0; i < doubles.size(); ++i) {
      const std::int64_t row =
          info.source_row[static_cast<std::size_t>(positions[static_cast<std::size_t>(i)])];
      for (std::int64_t j = 0; j < kDimension; ++j) {
        const std::int64_t at = row * kDimension + j;
        const double value = (split == Split::train ? pixel(at) : test_pixel(at)) / 255.0;
        ASSERT_EQ(doubles.x(j, i), value);
        ASSERT_EQ(floats.x(j, i), static_cast<float>(value));
      }
    }
  }
}

TEST_F(DatasetTest, DoesNotDependOnTheNumberOfRanks) {
  DataOptions options = idx_options();
  options.preprocess = {PreprocessStep::unit_interval, PreprocessStep::center,
                        PreprocessStep::standardize_features};
  options.subset = SubsetRule::random;
  options.train_size = 60;
  const Dataset together(world_, options);
  const Dataset alone(Communicator::borrow(MPI_COMM_SELF), options);

  EXPECT_EQ(together.checksum(), alone.checksum());
  EXPECT_EQ(together.checksum().size(), 16u);
  EXPECT_EQ(together.split(Split::train).source_row, alone.split(Split::train).source_row);
  for (std::size_t step = 0; step < options.preprocess.size(); ++step) {
    const FittedStep& a = together.preprocessor().steps()[step];
    const FittedStep& b = alone.preprocessor().steps()[step];
    ASSERT_EQ(a.shift.size(), b.shift.size());
    ASSERT_EQ(a.factor.size(), b.factor.size());
    for (std::size_t j = 0; j < a.shift.size(); ++j) {
      EXPECT_NEAR(a.shift[j], b.shift[j], test::ulp_bound<double>(4, 1.0));
    }
    for (std::size_t j = 0; j < a.factor.size(); ++j) {
      EXPECT_NEAR(a.factor[j], b.factor[j], test::ulp_bound<double>(16, b.factor[j]));
    }
  }
}

TEST_F(DatasetTest, ChecksumTellsInputsApart) {
  const DataOptions options = idx_options();
  const std::string checksum = Dataset(world_, options).checksum();
  DataOptions fewer = options;
  fewer.test_size = kTest - 1;
  EXPECT_NE(Dataset(world_, fewer).checksum(), checksum);

  const auto one_pixel_changed = [](std::int64_t i) {
    return i == 500 ? 255 - pixel(i) : pixel(i);
  };
  folder_.write("train-x", idx_bytes({kTrain, 3, 4}, one_pixel_changed));
  EXPECT_NE(Dataset(world_, options).checksum(), checksum);
  folder_.write("train-x", gzipped(idx_bytes({kTrain, 3, 4}, pixel)));
  EXPECT_EQ(Dataset(world_, options).checksum(), checksum);
}

TEST_F(DatasetTest, FindsDuplicatesAfterPreprocessing) {
  // Rows 0, 7 and 100 are the same up to a factor, 3 and 50 the same as read.
  const auto value = [](std::int64_t i) {
    const std::int64_t row = i / kDimension;
    const std::int64_t column = i % kDimension;
    if (row == 0 || row == 7 || row == 100) {
      return static_cast<int>((column + 1) * (row == 7 ? 2 : 1));
    }
    return pixel(row == 50 ? 3 * kDimension + column : i);
  };
  DataOptions options = idx_options();
  options.train.inputs = folder_.write("twins", idx_bytes({kTrain, 3, 4}, value));
  const Dataset as_read(world_, options);
  options.preprocess = {PreprocessStep::unit_norm};
  const Dataset normalised(world_, options);

  EXPECT_EQ(as_read.duplicate_count(), 2);
  EXPECT_EQ(normalised.duplicate_count(), 3);
  const auto& pairs = normalised.duplicates();
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[0].first, 0);
  EXPECT_EQ(pairs[0].second, 7);
  EXPECT_EQ(pairs[1].first, 3);
  EXPECT_EQ(pairs[1].second, 50);
  EXPECT_EQ(pairs[2].first, 0);
  EXPECT_EQ(pairs[2].second, 100);
  EXPECT_EQ(Dataset(world_, idx_options()).duplicate_count(), 0);
}

TEST_F(DatasetTest, KeepsEveryDuplicate) {
  DataOptions options = idx_options();
  const auto value = [](std::int64_t i) { return static_cast<int>(i / kDimension % 3); };
  options.train.inputs = folder_.write("three", idx_bytes({kTrain, 3, 4}, value));
  const Dataset data(world_, options);

  ASSERT_EQ(data.duplicate_count(), kTrain - 3);
  const auto& pairs = data.duplicates();
  ASSERT_EQ(pairs.size(), kTrain - 3);
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_EQ(pairs[i].first, static_cast<std::int64_t>(i % 3));
    EXPECT_EQ(pairs[i].second, static_cast<std::int64_t>(i + 3));
  }
}

TEST_F(DatasetTest, ReadsFewerSamplesThanRanks) {
  DataOptions options = idx_options();
  options.train_size = 1;
  options.test = {};
  const Dataset data(world_, options);

  EXPECT_EQ(data.split(Split::train).size(), 1);
  EXPECT_EQ(data.split(Split::test).size(), 0);
  EXPECT_EQ(data.split(Split::test).target.cols(), 4);
  EXPECT_EQ(data.load<double>(Split::test, {}).size(), 0);
}

TEST_F(DatasetTest, InspectionAgrees) {
  DataOptions options = idx_options();
  options.train_size = 20;
  const DataShape shape = inspect_data(options);

  EXPECT_EQ(shape.train_size, 20);
  EXPECT_EQ(shape.test_size, kTest);
  EXPECT_EQ(shape.dimension, kDimension);
  EXPECT_EQ(shape.outputs, 4);
  options.targets.encoding = TargetEncoding::class_index;
  EXPECT_EQ(inspect_data(options).outputs, 1);
  options.train_size = 200;
  expect_error<DataError>([&] { inspect_data(options); }, {"train_size = 200"});
}

TEST_F(DatasetTest, InspectionReadsLabelsInBlocks) {
  constexpr std::uint32_t kRows = (1 << 19) + 2;  // one block and two rows
  const auto last_is = [](int last) {
    return [last](std::int64_t i) { return i == kRows - 1 ? last : static_cast<int>(i % 3); };
  };
  DataOptions options;
  options.train = {folder_.write("x", idx_bytes({kRows, 1}, pixel)),
                   folder_.write("y", gzipped(idx_bytes({kRows}, last_is(6))))};
  EXPECT_EQ(inspect_data(options).outputs, 7);

  std::string negative = idx_bytes({kRows}, last_is(0xff));
  negative[2] = 0x09;  // signed bytes
  folder_.write("y", negative);
  expect_error<DataError>([&] { inspect_data(options); }, {"row 524289", "label -1"});
  options.targets.classes = 5;
  EXPECT_EQ(inspect_data(options).outputs, 5) << "no label needs to be read";
}

TEST_F(DatasetTest, ReadsRawTargetsOfSelectedRowsOnly) {
  DataOptions options;
  options.format = DataFormat::csv;
  options.targets.encoding = TargetEncoding::raw;
  options.target_columns = {"y", "z"};
  options.train.inputs =
      folder_.write("a.csv", "x,y,z\n1,2,3\n4,5,6\n7,8,9\n10,11,12\n13,nan,14\n");
  options.test.inputs = folder_.write("b.csv", "x,y,z\n1,-0.5,3\n4,5,inf\n");
  options.train_offset = 1;
  options.train_size = 3;
  options.test_size = 1;
  const Dataset data(world_, options);

  const Matrix<double>& train = data.split(Split::train).target;
  ASSERT_EQ(train.rows(), 3);
  ASSERT_EQ(train.cols(), 2);
  for (std::int64_t i = 0; i < 3; ++i) {
    EXPECT_EQ(train(i, 0), static_cast<double>(3 * i + 5));
    EXPECT_EQ(train(i, 1), static_cast<double>(3 * i + 6));
  }
  EXPECT_EQ(data.split(Split::test).target(0, 0), -0.5);
  options.train_size = 4;
  expect_refused(options, {"a.csv", "line 6", "nan"});
}

TEST_F(DatasetTest, ReadsRawTargetsOfARandomSubsetFromACompressedFile) {
  DataOptions options = idx_options();
  options.targets.encoding = TargetEncoding::raw;
  options.subset = SubsetRule::random;
  options.train_size = 23;
  const Dataset data(world_, options);

  const SplitInfo& train = data.split(Split::train);
  ASSERT_EQ(train.target.rows(), 23);
  EXPECT_TRUE(train.label.empty());
  for (std::int64_t i = 0; i < 23; ++i) {
    EXPECT_EQ(train.target(i, 0), label(train.source_row[static_cast<std::size_t>(i)]));
  }
}

TEST_F(DatasetTest, ReadsCsvHdf5AndSyntheticData) {
  DataOptions csv;
  csv.format = DataFormat::csv;
  csv.targets.encoding = TargetEncoding::raw;
  csv.train.inputs = folder_.write("a.csv", "x,y,z\n1,2,0.5\n3,4,1.5\n5,6,2.5\n");
  csv.test.inputs = folder_.write("b.csv", "7,8,9\n");
  const Dataset from_csv(world_, csv);

  DataOptions hdf5 = csv;
  hdf5.format = DataFormat::hdf5;
  const std::string file = folder_.file("a.h5");
  test::write_hdf5(file,
                   {{"/x", {3, 2}, [](std::int64_t i) { return static_cast<double>(i + 1); }},
                    {"/y", {3}, [](std::int64_t i) { return static_cast<double>(i) + 0.5; }},
                    {"/x_test", {1, 2}, [](std::int64_t i) { return static_cast<double>(i + 7); }},
                    {"/y_test", {1}, [](std::int64_t) { return 9.0; }}});
  hdf5.train = {file + ":/x", file + ":/y"};
  hdf5.test = {file + ":/x_test", file + ":/y_test"};
  const Dataset from_hdf5(world_, hdf5);

  EXPECT_EQ(from_csv.checksum(), from_hdf5.checksum());
  EXPECT_TRUE(from_csv.split(Split::train).label.empty());
  for (const Dataset* data : {&from_csv, &from_hdf5}) {
    const auto train = data->load<double>(Split::train, Rows{0, 2});
    EXPECT_EQ(train.x(0, 0), 1.0);
    EXPECT_EQ(train.x(1, 1), 6.0);
    EXPECT_EQ(data->load<double>(Split::test, Rows{0}).x(1, 0), 8.0);
    EXPECT_EQ(data->split(Split::train).target(1, 0), 1.5);
    EXPECT_EQ(data->split(Split::test).target(0, 0), 9.0);
  }

  DataOptions synthetic;
  synthetic.format = DataFormat::synthetic;
  synthetic.synthetic = {SyntheticKind::gaussian, 11, 3, "x1*x3"};
  synthetic.test_size = 5;
  const Dataset made(world_, synthetic);
  EXPECT_EQ(made.checksum(), Dataset(Communicator::borrow(MPI_COMM_SELF), synthetic).checksum());
  const auto x = made.load<double>(Split::train, Rows{10});
  EXPECT_EQ(made.split(Split::train).target(10, 0), x.x(0, 0) * x.x(2, 0));
  EXPECT_EQ(made.split(Split::test).size(), 5);
  synthetic.test_size.reset();
  EXPECT_EQ(Dataset(world_, synthetic).split(Split::test).size(), 0);
}

TEST_F(DatasetTest, AFailureOfOneRankIsAFailureOfAll) {
  const int bad = world_.size() - 1;
  const auto open = [&](const DataOptions& options) { Dataset(world_, options); };
  DataOptions missing = idx_options();
  DataOptions wrong_magic = missing;
  DataOptions cut = missing;
  if (world_.rank() == bad) {
    missing.test.targets += ".missing";
    wrong_magic.train.targets = folder_.write("text", "no IDX file");
    cut.test.inputs =
        folder_.write("cut.gz", gzipped(idx_bytes({kTest, 3, 4}, test_pixel)).substr(0, 300));
  }
  expect_collective_error<IoError>(bad, [&] { open(missing); }, {"test-y.missing"});
  expect_collective_error<DataError>(bad, [&] { open(wrong_magic); }, {"text", "not an IDX file"});
  expect_collective_error<DataError>(bad, [&] { open(cut); }, {"cut.gz", "cut off"});
}

TEST_F(DatasetTest, AFileThatVanishesWhileLoadingFailsOnAllRanks) {
  const int bad = world_.size() - 1;
  const Dataset data(world_, idx_options());
  if (world_.rank() == bad) {
    std::filesystem::resize_file(folder_.file("train-x"), 100);
  }

  expect_collective_error<DataError>(bad, [&] { (void)data.load<double>(Split::train, Rows{50}); },
                                     {"train-x", "cut off"});
  EXPECT_EQ(data.load<double>(Split::train, Rows{0}).size(), 1);
}

TEST_F(DatasetTest, RanksThatSeeDifferentFilesAreRefused) {
  DataOptions options = idx_options();
  if (world_.size() > 1 && world_.rank() == 1) {
    options.train = {folder_.write("x", idx_bytes({kTrain - 1, 3, 4}, pixel)),
                     folder_.write("y", idx_bytes({kTrain - 1}, label))};
  }
  if (world_.size() > 1) {
    expect_refused(options, {"different versions"});
  } else {
    EXPECT_NO_THROW(Dataset(world_, options));
  }
}

TEST_F(DatasetTest, NamesTheFirstValueThatIsNotFinite) {
  const auto open = [&](const std::string& inputs, const std::string& test) {
    DataOptions options;
    options.format = DataFormat::hdf5;
    options.targets.encoding = TargetEncoding::raw;
    options.train = {folder_.file("a.h5") + ":/" + inputs, folder_.file("a.h5") + ":/y"};
    options.test = {folder_.file("a.h5") + ":/" + test, folder_.file("a.h5") + ":/y"};
    Dataset(world_, options);
  };
  const auto bad_at = [](std::int64_t place, double value) {
    return [=](std::int64_t i) { return i == place ? value : static_cast<double>(i); };
  };
  test::write_hdf5(folder_.file("a.h5"),
                   {{"/good", {20, 3}, bad_at(-1, 0.0)},
                    {"/nan", {20, 3}, bad_at(50, std::nan(""))},
                    {"/inf", {20, 3}, bad_at(0, std::numeric_limits<double>::infinity())},
                    {"/y", {20}, bad_at(-1, 0.0)}});

  EXPECT_NO_THROW(open("good", "good"));
  expect_error<Error>([&] { open("nan", "good"); }, {"a.h5:/nan", "row 16, column 2"});
  expect_error<Error>([&] { open("good", "inf"); }, {"a.h5:/inf", "row 0, column 0"});
}

TEST_F(DatasetTest, RefusesLabelsThatDoNotFit) {
  DataOptions options = idx_options();
  options.targets.classes = 3;
  expect_refused(options, {"train-y", "label 3", "3 classes"});
  options = idx_options();
  options.test.targets =
      folder_.write("new", idx_bytes({kTest}, [](std::int64_t i) { return i == 9 ? 4 : 0; }));
  expect_refused(options, {"'", "new', row 9", "label 4", "4 classes"});
  options = idx_options();
  options.train.targets = options.train.inputs;
  options.test.targets = options.test.inputs;
  expect_refused(options, {"12 numbers per sample", "swapped"});
  options = idx_options();
  options.test.inputs = folder_.write("wide", idx_bytes({kTest, 13}, pixel));
  expect_refused(options, {"do not match", "12 inputs", "13"});
}

TEST_F(DatasetTest, RefusesOneHotTargetsOfOneClass) {
  DataOptions options = idx_options();
  options.train.targets =
      folder_.write("zeros", idx_bytes({kTrain}, [](std::int64_t) { return 0; }));
  options.test = {};
  expect_refused(options, {"zeros", "only one class"});
  expect_error<DataError>([&] { inspect_data(options); }, {"zeros", "only one class"});
  options.targets.classes = 2;
  EXPECT_EQ(Dataset(world_, options).outputs(), 2);
  options.targets.classes = 1;
  expect_refused(options, {"targets.classes = 1"});
  expect_error<ConfigError>([&] { inspect_data(options); }, {"targets.classes = 1"});
  options.targets.encoding = TargetEncoding::class_index;
  EXPECT_EQ(Dataset(world_, options).outputs(), 1);
}

TEST_F(DatasetTest, RefusesASampleThatCannotBeNormalised) {
  DataOptions options = idx_options();
  options.preprocess = {PreprocessStep::sphere};
  const auto zero_row = [](std::int64_t row) {
    return [=](std::int64_t i) { return i / kDimension == row ? 0 : 1 + pixel(i) / 2; };
  };
  options.train.inputs = folder_.write("zero", idx_bytes({kTrain, 3, 4}, zero_row(90)));
  expect_refused(options, {"row 90", "training", "sphere"});
  options.train_size = 90;
  EXPECT_NO_THROW(Dataset(world_, options));
  options.test.inputs = folder_.write("zero-test", idx_bytes({kTest, 3, 4}, zero_row(5)));
  expect_refused(options, {"row 5", "test", "sphere"});
}

TEST_F(DatasetTest, RefusesOptionsThatContradictEachOther) {
  DataOptions options = idx_options();
  options.test.targets.clear();
  expect_refused(options, {"data.test must name two files"});
  options = idx_options();
  options.train_size = kTrain + 1;
  expect_refused(options, {"train_size = 102", "101 samples"});
  options = idx_options();
  options.format = DataFormat::csv;
  expect_refused(options, {"target_columns"});
}

TEST_F(DatasetTest, RefusesValuesTooLargeForSinglePrecision) {
  DataOptions options;
  options.format = DataFormat::csv;
  options.targets.encoding = TargetEncoding::raw;
  options.train.inputs = folder_.write("large.csv", "1,2,3\n1e40,2,3\n");
  const Dataset data(world_, options);

  EXPECT_EQ(data.load<double>(Split::train, Rows{1}).x(0, 0), 1e40);
  expect_error<Error>([&] { (void)data.load<float>(Split::train, Rows{1}); },
                      {"large.csv", "row 1", "too large"});
}

}  // namespace
}  // namespace ntkflow
