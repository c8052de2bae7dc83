#include <ntkflow/base/matrix.hpp>

#include "data_files.hpp"
#include "hdf5_file.hpp"
#include "hdf5_source.hpp"

namespace ntkflow {
namespace {

using test::expect_error;

TEST(SplitHdf5NameTest, CutsAtTheLastColonSlash) {
  using Parts = std::pair<std::string, std::string>;
  EXPECT_EQ(split_hdf5_name("data.h5:/x"), (Parts{"data.h5", "/x"}));
  EXPECT_EQ(split_hdf5_name("/a:/b.h5:/group/x"), (Parts{"/a:/b.h5", "/group/x"}));
  for (const char* wrong : {"data.h5", "data.h5:x", ":/x", "data.h5:/", ""}) {
    expect_error<ConfigError>([&] { split_hdf5_name(wrong); }, {"file.h5:/path/to/dataset"});
  }
}

class Hdf5SourceTest : public testing::Test {
 protected:
  Hdf5SourceTest() {
    test::write_hdf5(
        path_, {{"/x", {5, 2, 3}, [](std::int64_t i) { return 0.5 * static_cast<double>(i); }},
                {"/group/y", {5}, [](std::int64_t i) { return static_cast<double>(i % 2); }},
                {"/short", {4}, [](std::int64_t) { return 0.0; }},
                {"/empty", {0, 3}, [](std::int64_t) { return 0.0; }},
                {"/scalar", {}, [](std::int64_t) { return 1.0; }}});
  }

  test::TemporaryFolder folder_;
  std::string path_ = folder_.file("data.h5");
};

TEST_F(Hdf5SourceTest, ReadsChosenRowsFlattened) {
  Hdf5Source source({path_ + ":/x", path_ + ":/group/y"});
  ASSERT_EQ(source.size(), 5);
  ASSERT_EQ(source.dimension(), 6);
  ASSERT_EQ(source.target_columns(), 1);

  const std::vector<std::int64_t> rows{0, 2, 3};
  Matrix<double> x(6, 3);
  source.read_inputs(rows, x.view());
  for (std::int64_t i = 0; i < 3; ++i) {
    for (std::int64_t j = 0; j < 6; ++j) {
      EXPECT_EQ(x(j, i), 0.5 * static_cast<double>(6 * rows[static_cast<std::size_t>(i)] + j));
    }
  }
  Matrix<double> y(1, 2);
  source.read_targets(std::vector<std::int64_t>{1, 2}, y.view());
  EXPECT_EQ(y(0, 0), 1.0);
  EXPECT_EQ(y(0, 1), 0.0);
}

TEST_F(Hdf5SourceTest, RefusesWhatIsNoData) {
  const auto open = [&](const std::string& inputs, const std::string& targets) {
    Hdf5Source({inputs, targets});
  };
  expect_error<DataError>([&] { open(path_ + ":/x", path_ + ":/short"); },
                          {"5 samples", "4 targets"});
  expect_error<DataError>([&] { open(path_ + ":/empty", path_ + ":/group/y"); }, {"no data"});
  expect_error<DataError>([&] { open(path_ + ":/scalar", path_ + ":/group/y"); }, {"single value"});
  expect_error<Error>([&] { open(path_ + ":/absent", path_ + ":/group/y"); }, {"absent"});
  expect_error<Error>([&] { open(folder_.file("no.h5") + ":/x", path_ + ":/group/y"); }, {"no.h5"});
  expect_error<Error>([&] { open(folder_.write("text.h5", "text") + ":/x", path_ + ":/x"); },
                      {"text.h5"});
}

}  // namespace
}  // namespace ntkflow
