#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <utility>
#include <vector>

#include <ntkflow/data/dataset.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/regression/fit.hpp>

#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

/// The kernel between images, where the variable NTKFLOW_DATA names a folder that holds them.
class FitMnistTest : public testing::Test {
 protected:
  static constexpr std::int64_t kImages = 1000;
  static constexpr std::int64_t kBlock = 64;

  void SetUp() override {
    const char* folder = std::getenv("NTKFLOW_DATA");
    const auto mnist = std::filesystem::path(folder != nullptr ? folder : "") / "mnist";
    if (folder == nullptr || !std::filesystem::exists(mnist / "train-images-idx3-ubyte.gz")) {
      GTEST_SKIP() << "NTKFLOW_DATA names no folder with mnist/train-images-idx3-ubyte.gz";
    }
    options_.train = {(mnist / "train-images-idx3-ubyte.gz").string(),
                      (mnist / "train-labels-idx1-ubyte.gz").string()};
    options_.train_size = kImages;
    options_.preprocess = {PreprocessStep::sphere};
  }

  DataOptions options_;
};

TEST_F(FitMnistTest, MixedPrecisionMeetsDouble) {
  const auto world = Communicator::world();
  const Dataset data(world, options_);
  std::vector<std::int64_t> all(kImages);
  std::iota(all.begin(), all.end(), std::int64_t{0});
  const Samples<double> images = data.load<double>(Split::train, all);
  const auto pixel = [&](std::int64_t position, std::int64_t input) {
    return images.x(input, position);
  };
  const Architecture network{3, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised};
  const auto kernel =
      test::make_kernel<double>(ProcessGrid::create(world, automatic_grid(world.size())), network,
                                KernelType::ntk, kBlock, data.dimension(), kImages, pixel);
  const KernelOperator exact(kernel, silent_monitor());
  DistMatrix<double> k = kernel.assemble_symmetric(Triangle::lower, silent_monitor());
  DistMatrix<float> rounded(k.grid(), kImages, kImages, kBlock);
  std::transform(k.local().data, k.local().data + k.local_rows() * k.local_cols(),
                 rounded.local().data, [](double value) { return static_cast<float>(value); });
  const Matrix<double>& target = data.split(Split::train).target;

  const auto mixed_outcome =
      fit_regression(std::move(rounded), exact, target, 0.0, {},
                     {Factorization::automatic, RefineOptions{}}, silent_monitor());
  const auto double_outcome =
      fit_regression(std::move(k), exact, target, 0.0, {}, {}, silent_monitor());

  const RegressionFit& mixed = std::get<Regression<float>>(mixed_outcome).fit;
  const RegressionFit& reference = std::get<Regression<double>>(double_outcome).fit;
  EXPECT_EQ(mixed.refinement, RefineOutcome::converged);
  EXPECT_LE(mixed.refinement_steps, 3);
  const double tolerance = test::refinement_tolerance(kImages);
  for (std::size_t i = 1; i < mixed.refinement_history.size(); ++i) {
    EXPECT_LE(mixed.refinement_history[i],
              std::max(0.01 * mixed.refinement_history[i - 1], tolerance));
  }
  // What is reported holds for a residual that is evaluated anew.
  const Matrix<double> product = exact.apply(mixed.coefficients);
  double residual = 0.0;
  double difference = 0.0;
  double largest = 0.0;
  for (std::int64_t i = 0; i < target.size(); ++i) {
    const double alpha = reference.coefficients.data()[i];
    residual = std::max(residual, std::abs(target.data()[i] - product.data()[i]));
    difference = std::max(difference, std::abs(mixed.coefficients.data()[i] - alpha));
    largest = std::max(largest, std::abs(alpha));
  }
  EXPECT_LE(mixed.backward_error, tolerance);
  EXPECT_LE(residual, mixed.backward_error * mixed.norm * largest);
  // |dx| <= |A^-1| (|A| |x| + |b|) times the sum of both backward errors; |b| <= |A| |x|.
  EXPECT_LE(difference, 4.0 * tolerance / reference.reciprocal_condition * largest);
}

}  // namespace
}  // namespace ntkflow
