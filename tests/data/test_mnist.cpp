#include <cstdlib>
#include <filesystem>

#include <support/mpi_test.hpp>
#include <support/tolerance.hpp>

#include <ntkflow/data/dataset.hpp>

namespace ntkflow {
namespace {

/// The real data, where the variable NTKFLOW_DATA names a folder that holds it.
class MnistTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* folder = std::getenv("NTKFLOW_DATA");
    const auto mnist = std::filesystem::path(folder != nullptr ? folder : "") / "mnist";
    if (folder == nullptr || !std::filesystem::exists(mnist / "train-images-idx3-ubyte.gz")) {
      GTEST_SKIP() << "NTKFLOW_DATA names no folder with mnist/train-images-idx3-ubyte.gz";
    }
    const auto file = [&](const char* name) { return (mnist / name).string(); };
    options_.train = {file("train-images-idx3-ubyte.gz"), file("train-labels-idx1-ubyte.gz")};
    options_.test = {file("t10k-images-idx3-ubyte.gz"), file("t10k-labels-idx1-ubyte.gz")};
    options_.preprocess = {PreprocessStep::center};
  }

  Communicator world_ = Communicator::world();
  DataOptions options_;
};

TEST_F(MnistTest, HasTheKnownFacts) {
  const Dataset data(world_, options_);
  const SplitInfo& train = data.split(Split::train);

  EXPECT_EQ(train.size(), 60'000);
  EXPECT_EQ(data.split(Split::test).size(), 10'000);
  EXPECT_EQ(data.dimension(), 784);
  EXPECT_EQ(data.outputs(), 10);
  EXPECT_EQ(data.duplicate_count(), 0);
  EXPECT_EQ(std::vector(train.label.begin(), train.label.begin() + 5),
            (std::vector<std::int64_t>{5, 0, 4, 1, 9}));
  EXPECT_EQ(data.split(Split::test).label[0], 7);
  // Pixels are whole numbers, so that their sum is exact: 1,567,298,545 over 60,000 images.
  const double mean = 1'567'298'545.0 / (60'000.0 * 784.0);
  EXPECT_NEAR(mean, 33.318, 0.001);
  EXPECT_LE(test::relative_difference(data.preprocessor().steps()[0].shift[0], mean),
            test::ulp_bound<double>(4, 1.0));
}

}  // namespace
}  // namespace ntkflow
