#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <ntkflow/base/random.hpp>
#include <ntkflow/dist/redistribute.hpp>
#include <ntkflow/dynamics/flow.hpp>
#include <ntkflow/dynamics/gaussian_flow.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow {
namespace {

constexpr std::int64_t kDimension = 4;
constexpr std::int64_t kTrain = 23;
constexpr std::int64_t kTest = 17;
constexpr std::int64_t kOutputs = 2;
constexpr std::int64_t kBlock = 3;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Training points, and after them test points; the first test point is the sixth training point.
double sample(std::int64_t position, std::int64_t input) {
  const std::int64_t point = position == kTrain ? 5 : position;
  return RandomStream(3, 1).normal(static_cast<std::uint64_t>(point),
                                   static_cast<std::uint64_t>(input));
}
double test_sample(std::int64_t position, std::int64_t input) {
  return sample(kTrain + position, input);
}

Architecture network() {
  return {3, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised};
}

using Grid = std::shared_ptr<const ProcessGrid>;

KernelMatrix<double> on_train(const Grid& grid, KernelType type) {
  return test::make_kernel<double>(grid, network(), type, kBlock, kDimension, kTrain, sample);
}
KernelMatrix<double> train_to_test(const Grid& grid, KernelType type) {
  return test::make_kernel<double>(grid, network(), type, kBlock, kDimension, kTrain, sample, kTest,
                                   test_sample);
}
KernelMatrix<double> on_test(const Grid& grid) {
  return test::make_kernel<double>(grid, network(), KernelType::nngp, kBlock, kDimension, kTest,
                                   test_sample);
}

DistMatrix<double> assembled(const KernelMatrix<double>& kernel, Triangle triangle) {
  return kernel.assemble_symmetric(triangle, silent_monitor());
}

Matrix<double> targets() {
  Matrix<double> y(kTrain, kOutputs);
  for (std::int64_t i = 0; i < kTrain; ++i) {
    y(i, 0) = std::cos(3.0 * sample(i, 0));
    y(i, 1) = sample(i, 1) * sample(i, 2);
  }
  return y;
}

/// How Theta is decomposed.
enum class Engine { cholesky, spectral };

std::variant<CholeskyFactor<double>, EigenSystem<double>> decomposed(const Grid& grid,
                                                                     KernelType type, double ridge,
                                                                     Engine engine) {
  auto theta = assembled(on_train(grid, type), Triangle::lower);
  if (engine == Engine::spectral) {
    return std::move(std::get<EigenSystem<double>>(diagonalise(std::move(theta))));
  }
  for_each_diagonal(theta, [ridge](std::int64_t, double& value) { value += ridge; });
  return std::move(std::get<CholeskyFactor<double>>(factor_cholesky(std::move(theta))));
}

GaussianFlow make_flow(const Grid& grid, TrainedLayers training, double ridge, Engine engine,
                       PathStarts paths = {}) {
  const bool all = training == TrainedLayers::all;
  std::optional<DistMatrix<double>> prior;
  if (all) {
    prior = assembled(on_train(grid, KernelType::nngp), Triangle::both);
  }
  return {decomposed(grid, all ? KernelType::ntk : KernelType::nngp, ridge, engine),
          std::move(prior), ridge, targets(), std::move(paths)};
}

/// Test points [begin, end).
GaussianFlow::Block make_block(const GaussianFlow& flow, const Grid& grid, TrainedLayers training,
                               std::int64_t begin, std::int64_t end) {
  auto prior = train_to_test(grid, KernelType::nngp).assemble_columns(begin, end);
  const auto diagonal = on_test(grid).column_diagonal();
  std::vector<double> variance(diagonal.begin() + begin, diagonal.begin() + end);
  if (training == TrainedLayers::last) {
    return flow.block(begin, std::move(prior), std::nullopt, std::move(variance));
  }
  return flow.block(begin, train_to_test(grid, KernelType::ntk).assemble_columns(begin, end),
                    std::move(prior), std::move(variance));
}

/// The law of all test points at once.
GaussianLaw law_at(const Grid& grid, TrainedLayers training, double ridge, Engine engine,
                   double t) {
  const GaussianFlow flow = make_flow(grid, training, ridge, engine);
  const auto block = make_block(flow, grid, training, 0, kTest);
  return flow.law(block, t, assembled(on_test(grid), Triangle::lower));
}

// Dense algebra on one rank, written out.

Matrix<double> times(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> c(a.rows(), b.cols());
  for (std::int64_t i = 0; i < c.rows(); ++i) {
    for (std::int64_t j = 0; j < c.cols(); ++j) {
      for (std::int64_t k = 0; k < a.cols(); ++k) {
        c(i, j) += a(i, k) * b(k, j);
      }
    }
  }
  return c;
}
Matrix<double> transposed(const Matrix<double>& a) {
  Matrix<double> t(a.cols(), a.rows());
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    for (std::int64_t j = 0; j < a.cols(); ++j) {
      t(j, i) = a(i, j);
    }
  }
  return t;
}

struct DenseLaw {
  Matrix<double> a;  ///< A, [M x N]
  Matrix<double> mean;
  Matrix<double> covariance;
};

/// The formulas of the law on whole matrices. phi_t comes from an eigensystem of its own.
DenseLaw dense_law(const Grid& grid, TrainedLayers training, double ridge, double t) {
  const KernelType type = training == TrainedLayers::all ? KernelType::ntk : KernelType::nngp;
  const auto whole = [](const DistMatrix<double>& a) { return replicate(a); };
  const auto theta = whole(assembled(on_train(grid, type), Triangle::both));
  const auto cross = whole(train_to_test(grid, type).assemble_columns(0, kTest));
  auto kk = whole(assembled(on_train(grid, KernelType::nngp), Triangle::both));
  const auto k = whole(train_to_test(grid, KernelType::nngp).assemble_columns(0, kTest));
  const auto prior = whole(assembled(on_test(grid), Triangle::both));

  const LocalEigenSystem eigen = diagonalise_local(theta.view());
  Matrix<double> filtered = eigen.vectors.clone();
  for (std::int64_t j = 0; j < kTrain; ++j) {
    const double lambda = eigen.values[static_cast<std::size_t>(j)] + ridge;
    for (std::int64_t i = 0; i < kTrain; ++i) {
      filtered(i, j) *= (1.0 - std::exp(-t * lambda / static_cast<double>(kTrain))) / lambda;
    }
  }
  DenseLaw law;
  law.a = times(transposed(cross), times(filtered, transposed(eigen.vectors)));
  law.mean = times(law.a, targets());
  if (training == TrainedLayers::last) {
    for (std::int64_t i = 0; i < kTrain; ++i) {
      kk(i, i) += ridge;
    }
  }
  const auto linear = times(law.a, k);
  const auto quadratic = times(times(law.a, kk), transposed(law.a));
  law.covariance = Matrix<double>(kTest, kTest);
  for (std::int64_t i = 0; i < kTest; ++i) {
    for (std::int64_t j = 0; j < kTest; ++j) {
      law.covariance(i, j) = prior(i, j) - linear(i, j) - linear(j, i) + quadratic(i, j);
    }
  }
  return law;
}

double largest_difference(const Matrix<double>& a, const Matrix<double>& b) {
  double worst = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a.data()[i] - b.data()[i]));
  }
  return a.size() == b.size() ? worst : kInfinity;
}

/// Of the variances to the diagonal of the covariance.
double largest_difference(const std::vector<double>& variance, const Matrix<double>& covariance) {
  double worst = 0.0;
  for (std::int64_t i = 0; i < covariance.rows(); ++i) {
    worst = std::max(worst, std::abs(variance[static_cast<std::size_t>(i)] - covariance(i, i)));
  }
  return worst;
}

/// No condition number of Theta + ridge I here is larger, nor a kernel: a test asserts it.
constexpr double kLargestCondition = 5000.0;
constexpr double kLargestKernel = 20.0;
/// Of errors from rounding: N eps cond(Theta) times the size of kernels, which is that of laws.
constexpr double kBound =
    kTrain * std::numeric_limits<double>::epsilon() * kLargestCondition * kLargestKernel;
/// A change that is not rounding.
constexpr double kChange = 1e3 * kBound;

TEST(GaussianFlowTest, BoundsHoldForTheKernelsOfTheTests) {
  const Grid grid =
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size()));
  for (const KernelType type : {KernelType::ntk, KernelType::nngp}) {
    const auto theta = decomposed(grid, type, 0.0, Engine::spectral);
    const std::vector<double>& lambda = std::get<EigenSystem<double>>(theta).values;
    EXPECT_LE(lambda.back() / lambda.front(), kLargestCondition);
    for (const double value : on_train(grid, type).column_diagonal()) {
      EXPECT_LE(value, kLargestKernel);
    }
  }
}

struct Case {
  TrainedLayers training;
  double ridge;
  Engine engine;
  double t;
};
const std::vector<Case> kCases = {
    {TrainedLayers::all, 0.0, Engine::cholesky, kInfinity},
    {TrainedLayers::all, 0.3, Engine::cholesky, kInfinity},
    {TrainedLayers::last, 0.0, Engine::cholesky, kInfinity},
    {TrainedLayers::last, 0.3, Engine::cholesky, kInfinity},
    {TrainedLayers::all, 0.0, Engine::spectral, 7.0},
    {TrainedLayers::all, 0.3, Engine::spectral, kInfinity},
    {TrainedLayers::last, 0.3, Engine::spectral, 7.0},
    {TrainedLayers::last, 0.3, Engine::spectral, kInfinity},
    {TrainedLayers::all, 0.0, Engine::spectral, 1e4},
};

TEST(GaussianFlowTest, IsTheDenseFormulaOnEveryGrid) {
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Grid grid = ProcessGrid::create(Communicator::world(), shape);
    for (const auto& [training, ridge, engine, t] : kCases) {
      SCOPED_TRACE(testing::Message()
                   << shape.rows << " x " << shape.cols << ", ridge " << ridge << ", t " << t);
      const GaussianLaw law = law_at(grid, training, ridge, engine, t);
      const DenseLaw expected = dense_law(grid, training, ridge, t);
      const Matrix<double> covariance = replicate(*law.covariance);

      EXPECT_LE(largest_difference(law.mean, expected.mean), kBound);
      EXPECT_LE(largest_difference(law.variance, expected.covariance), kBound);
      EXPECT_LE(largest_difference(covariance, expected.covariance), kBound);
      EXPECT_EQ(largest_difference(covariance, transposed(covariance)), 0.0);
      EXPECT_EQ(largest_difference(law.variance, covariance), 0.0);
      // The twin: another ridge is another law.
      const DenseLaw other = dense_law(grid, training, ridge + 1e-6, t);
      EXPECT_GT(largest_difference(law.mean, other.mean), kBound);
      EXPECT_GT(largest_difference(law.variance, other.covariance), kBound);
      EXPECT_GT(largest_difference(covariance, other.covariance), kBound);
    }
  }
}

TEST(GaussianFlowTest, LastLayerWithNoiseIsThePosteriorOfAGaussianProcess) {
  const Grid grid =
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size()));
  constexpr double kRidge = 0.3;
  const DenseLaw formula = dense_law(grid, TrainedLayers::last, kRidge, kInfinity);
  // KK** - KK* (KK + ridge I)^-1 KK*^T, where A = KK* (KK + ridge I)^-1.
  const auto k = replicate(train_to_test(grid, KernelType::nngp).assemble_columns(0, kTest));
  const auto prior = replicate(assembled(on_test(grid), Triangle::both));
  const Matrix<double> taken = times(formula.a, k);
  const GaussianLaw law = law_at(grid, TrainedLayers::last, kRidge, Engine::cholesky, kInfinity);
  for (std::int64_t i = 0; i < kTest; ++i) {
    EXPECT_NEAR(law.variance[static_cast<std::size_t>(i)], prior(i, i) - taken(i, i), kBound);
  }
}

TEST(GaussianFlowTest, EnginesAgreeAtInfinity) {
  const Grid grid =
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size()));
  for (const TrainedLayers training : {TrainedLayers::all, TrainedLayers::last}) {
    const GaussianLaw a = law_at(grid, training, 0.0, Engine::cholesky, kInfinity);
    const GaussianLaw b = law_at(grid, training, 0.0, Engine::spectral, kInfinity);
    EXPECT_LE(largest_difference(a.mean, b.mean), kBound);
    EXPECT_LE(largest_difference(replicate(*a.covariance), replicate(*b.covariance)), kBound);
  }
}

TEST(GaussianFlowTest, StartsAtThePriorExactly) {
  const Grid grid =
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size()));
  const auto prior = replicate(assembled(on_test(grid), Triangle::both));
  for (const auto& [training, engine] : {std::pair{TrainedLayers::all, Engine::spectral},
                                         std::pair{TrainedLayers::all, Engine::cholesky},
                                         std::pair{TrainedLayers::last, Engine::cholesky}}) {
    const GaussianLaw law = law_at(grid, training, 0.3, engine, 0.0);
    EXPECT_EQ(largest_difference(law.mean, Matrix<double>(kTest, kOutputs)), 0.0);
    EXPECT_EQ(law.variance, on_test(grid).column_diagonal());
    EXPECT_EQ(largest_difference(replicate(*law.covariance), prior), 0.0);
    EXPECT_EQ(law.clipping.count, 0);
  }
}

TEST(GaussianFlowTest, EndsCertainAtATrainingPoint) {
  const Grid grid =
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size()));
  for (const Engine engine : {Engine::cholesky, Engine::spectral}) {
    const GaussianLaw law = law_at(grid, TrainedLayers::all, 0.0, engine, kInfinity);
    EXPECT_LE(law.variance.front(), kBound);
    EXPECT_GE(law.variance.front(), 0.0);
    EXPECT_NEAR(law.mean(0, 0), targets()(5, 0), kBound);
    EXPECT_LE(law.clipping.largest, law.clipping.rounding);
    EXPECT_LE(law.clipping.relative_bound, kBound);
    // A ridge keeps part of the initial function, as does training that ends early.
    EXPECT_GT(law_at(grid, TrainedLayers::all, 0.3, engine, kInfinity).variance.front(), kChange);
  }
}

TEST(GaussianFlowTest, TrainingTheLastLayerOnlyTakesVariance) {
  const Grid grid =
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size()));
  const GaussianFlow flow = make_flow(grid, TrainedLayers::last, 0.0, Engine::spectral);
  const auto block = make_block(flow, grid, TrainedLayers::last, 0, kTest);
  std::vector<double> before = on_test(grid).column_diagonal();
  for (const double t : {0.1, 1.0, 10.0, 100.0, 1e4, kInfinity}) {
    const GaussianLaw law = flow.law(block, t);
    for (std::size_t i = 0; i < before.size(); ++i) {
      EXPECT_LE(law.variance[i], before[i] + kBound);
    }
    before = law.variance;
  }
}

TEST(GaussianFlowTest, BlocksOfTestPointsMakeTheWhole) {
  for (const GridShape shape : test::all_grids(Communicator::world().size())) {
    const Grid grid = ProcessGrid::create(Communicator::world(), shape);
    PathStarts paths{Matrix<double>(kTest, 1), Matrix<double>(kTrain, 1)};
    for (std::int64_t i = 0; i < kTest; ++i) {
      paths.test(i, 0) = static_cast<double>(i);  // a path without residual stays where it starts
    }
    const GaussianFlow flow =
        make_flow(grid, TrainedLayers::all, 0.0, Engine::spectral, std::move(paths));
    const GaussianLaw whole = flow.law(make_block(flow, grid, TrainedLayers::all, 0, kTest), 7.0);
    const std::int64_t step = kBlock * shape.cols;
    for (std::int64_t begin = 0; begin < kTest; begin += step) {
      const std::int64_t end = std::min(kTest, begin + step);
      const GaussianLaw part =
          flow.law(make_block(flow, grid, TrainedLayers::all, begin, end), 7.0);
      for (std::int64_t i = begin; i < end; ++i) {
        const auto position = static_cast<std::size_t>(i);
        EXPECT_NEAR(part.mean(i - begin, 1), whole.mean(i, 1), kBound);
        EXPECT_EQ(part.paths(i - begin, 0), static_cast<double>(i));
        EXPECT_NEAR(part.variance[position - static_cast<std::size_t>(begin)],
                    whole.variance[position], kBound);
      }
    }
  }
}

TEST(GaussianFlowTest, RepeatedPointsAreNoObstacleToEigenvectors) {
  // Two equal training points: their common value goes to the mean of their targets, certainly,
  // though Theta has no inverse.
  const Grid grid =
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size()));
  const auto repeated = [](std::int64_t position, std::int64_t input) {
    return sample(position == 7 ? 2 : position, input);
  };
  const auto kernel = [&](KernelType type) {
    return test::make_kernel<double>(grid, network(), type, kBlock, kDimension, kTrain, repeated);
  };
  const auto cross = [&](KernelType type) {
    return test::make_kernel<double>(
               grid, network(), type, kBlock, kDimension, kTrain, repeated, 1,
               [](std::int64_t, std::int64_t input) { return sample(2, input); })
        .assemble_columns(0, 1);
  };
  Matrix<double> y(kTrain, 1);
  y(2, 0) = 1.0;
  const GaussianFlow flow(std::move(std::get<EigenSystem<double>>(
                              diagonalise(assembled(kernel(KernelType::ntk), Triangle::lower)))),
                          assembled(kernel(KernelType::nngp), Triangle::both), 0.0, y);
  const double prior = kernel(KernelType::nngp).column_diagonal()[2];
  const GaussianLaw law =
      flow.law(flow.block(0, cross(KernelType::ntk), cross(KernelType::nngp), {prior}), kInfinity);
  EXPECT_NEAR(law.mean(0, 0), 0.5, kBound);
  EXPECT_LE(law.variance[0], kBound);
}

/// Training and test points without the repeated one, whose joint covariance is singular.
constexpr std::int64_t kPathTest = 4;
double distinct_sample(std::int64_t position, std::int64_t input) {
  return sample(position < kTrain ? position : position + 1, input);
}

PathStarts draw_paths(const Grid& grid, std::int64_t count, double noise, std::uint64_t seed) {
  const auto joint = test::make_kernel<double>(grid, network(), KernelType::nngp, kBlock,
                                               kDimension, kTrain + kPathTest, distinct_sample);
  auto drawn = draw_gaussian_process(assembled(joint, Triangle::lower), kTrain, count * kOutputs,
                                     seed, silent_monitor());
  return start_paths(std::move(std::get<InitialValues>(drawn)), targets(), noise, seed);
}

/// The law of the test points that paths have, from one block.
GaussianLaw law_of_paths(const Grid& grid, TrainedLayers training, double ridge, double t,
                         PathStarts paths) {
  const GaussianFlow flow = make_flow(grid, training, ridge, Engine::spectral, std::move(paths));
  const auto test_point = [](std::int64_t position, std::int64_t input) {
    return distinct_sample(kTrain + position, input);
  };
  const auto cross = [&](KernelType type) {
    return test::make_kernel<double>(grid, network(), type, kBlock, kDimension, kTrain, sample,
                                     kPathTest, test_point)
        .assemble_columns(0, kPathTest);
  };
  const auto prior = test::make_kernel<double>(grid, network(), KernelType::nngp, kBlock,
                                               kDimension, kPathTest, test_point);
  const auto block =
      training == TrainedLayers::all
          ? flow.block(0, cross(KernelType::ntk), cross(KernelType::nngp), prior.column_diagonal())
          : flow.block(0, cross(KernelType::nngp), std::nullopt, prior.column_diagonal());
  return flow.law(block, t, assembled(prior, Triangle::lower));
}

TEST(GaussianFlowTest, PathsHaveTheMomentsOfTheLaw) {
  const Grid grid =
      ProcessGrid::create(Communicator::world(), automatic_grid(Communicator::world().size()));
  constexpr std::int64_t kPaths = 4000;
  constexpr double kRidge = 0.3;
  for (const TrainedLayers training : {TrainedLayers::all, TrainedLayers::last}) {
    const double noise = training == TrainedLayers::last ? kRidge : 0.0;
    const GaussianLaw law =
        law_of_paths(grid, training, kRidge, 20.0, draw_paths(grid, kPaths, noise, 11));
    const Matrix<double> covariance = replicate(*law.covariance);
    const auto path = [&](std::int64_t i, std::int64_t s, std::int64_t c) {
      return law.paths(i, s * kOutputs + c) - law.mean(i, c);
    };
    const auto prior = std::sqrt(on_test(grid).column_diagonal()[1]);
    bool differs_from_prior = false;
    for (std::int64_t i = 0; i < kPathTest; ++i) {
      for (std::int64_t j = 0; j <= i; ++j) {
        for (std::int64_t c = 0; c < kOutputs; ++c) {
          double mean = 0.0;
          double product = 0.0;
          for (std::int64_t s = 0; s < kPaths; ++s) {
            mean += path(i, s, c) / static_cast<double>(kPaths);
            product += path(i, s, c) * path(j, s, c) / static_cast<double>(kPaths);
          }
          EXPECT_LE(std::abs(mean),
                    test::standard_error_bound(5.0, std::sqrt(covariance(i, i)), kPaths));
          const double deviation =
              std::sqrt(covariance(i, i) * covariance(j, j) + covariance(i, j) * covariance(i, j));
          EXPECT_LE(std::abs(product - covariance(i, j)),
                    test::standard_error_bound(5.0, deviation, kPaths));
          differs_from_prior =
              differs_from_prior || std::abs(product - prior * prior) >
                                        test::standard_error_bound(5.0, deviation, kPaths);
        }
      }
    }
    EXPECT_TRUE(differs_from_prior);
  }
}

TEST(GaussianFlowTest, PathsDoNotDependOnTheGridAndMoveFromTheirStart) {
  const auto world = Communicator::world();
  const Grid grid = ProcessGrid::create(world, automatic_grid(world.size()));
  const GaussianLaw law =
      law_of_paths(grid, TrainedLayers::all, 0.0, 20.0, draw_paths(grid, 3, 0.0, 5));
  for (const GridShape shape : test::all_grids(world.size())) {
    const Grid other = ProcessGrid::create(world, shape);
    const GaussianLaw same =
        law_of_paths(other, TrainedLayers::all, 0.0, 20.0, draw_paths(other, 3, 0.0, 5));
    EXPECT_LE(largest_difference(law.paths, same.paths), kBound);
  }
  const PathStarts starts = draw_paths(grid, 3, 0.0, 5);
  const GaussianLaw start =
      law_of_paths(grid, TrainedLayers::all, 0.0, 0.0, draw_paths(grid, 3, 0.0, 5));
  EXPECT_EQ(largest_difference(start.paths, starts.test), 0.0);
  EXPECT_GT(largest_difference(law.paths, starts.test), kChange);
  const GaussianLaw other_seed =
      law_of_paths(grid, TrainedLayers::all, 0.0, 20.0, draw_paths(grid, 3, 0.0, 6));
  EXPECT_GT(largest_difference(law.paths, other_seed.paths), kChange);
}

}  // namespace
}  // namespace ntkflow
