#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/experiment/study.hpp>

#include "limiting_kernel.hpp"
#include "parities.hpp"
#include "support/stop_at_question.hpp"

namespace ntkflow {
namespace {

/// The studies in miniature.
StudyProblem tiny(Study study) {
  StudyProblem problem;
  problem.options.study = study;
  problem.options.zonal = default_zonal_options(study);
  problem.options.zonal.depth = 3;
  problem.options.zonal.degree = study == Study::sphere ? 16 : 8;
  problem.options.zonal.dimensions =
      study == Study::sphere ? std::vector<std::int64_t>{3} : std::vector<std::int64_t>{4, 20};
  problem.options.zonal.samples = 200;
  problem.options.kernels = {
      {3, {"relu", {}}, 2.0, 2.0, FirstLayer::normalised},
      {3, {"erf", {}}, 4.0, 0.0, FirstLayer::normalised},
      {3, {"hermite", {{"degree", {2.0}}}}, 0.5, 0.5, FirstLayer::normalised},
      {3, {"tanh", {}}, 1.5, 0.1, FirstLayer::normalised}};
  return problem;
}

const StudyData& data(const StudyResult& result, const std::string& path) {
  return *std::find_if(result.data.begin(), result.data.end(),
                       [&](const StudyData& data) { return data.info.path == path; });
}

class ZonalStudyTest : public testing::Test {
 protected:
  Communicator world = Communicator::world();
};

TEST_F(ZonalStudyTest, IsTheSameOnAnyNumberOfRanks) {
  for (const Study study : {Study::boolean_cube, Study::sphere}) {
    const StudyProblem problem = tiny(study);
    const StudyResult together = run_study(world, problem, silent_monitor());
    const StudyResult alone = run_study(Communicator::self(), problem, silent_monitor());
    ASSERT_EQ(together.data.size(), alone.data.size());
    for (std::size_t i = 0; i < together.data.size(); ++i) {
      const auto& values = together.data[i].values;
      std::int64_t size = 1;
      for (const std::int64_t extent : together.data[i].info.shape) {
        size *= extent;
      }
      EXPECT_EQ(std::ssize(values), size) << together.data[i].info.path;
      ASSERT_EQ(values.size(), alone.data[i].values.size());
      // Sample spectra come from a matrix that the ranks share.
      const bool is_shared = together.data[i].info.path == "/experiment/sample_eigenvalue";
      const double largest = *std::max_element(values.begin(), values.end());
      const double tolerance =
          is_shared ? 60.0 * 200.0 * std::numeric_limits<double>::epsilon() * largest : 0.0;
      for (std::size_t j = 0; j < values.size(); ++j) {
        ASSERT_NEAR(values[j], alone.data[i].values[j], tolerance) << together.data[i].info.path;
      }
    }
    EXPECT_EQ(together.lines, alone.lines);
    ASSERT_EQ(together.claims.size(), alone.claims.size());
    for (const Claim& claim : together.claims) {
      EXPECT_TRUE(claim.holds()) << claim.statement << " " << claim.value;
    }
  }
}

TEST_F(ZonalStudyTest, FractionsSumToOneOnTheCube) {
  StudyProblem problem = tiny(Study::boolean_cube);
  problem.options.zonal.dimensions = {8};
  problem.options.kernels.pop_back();
  const StudyResult result = run_study(world, problem, silent_monitor());
  const auto& fractions = data(result, "/experiment/fractional_variance").values;
  ASSERT_EQ(fractions.size(), 3u * 2u * 3u * 9u);
  for (std::size_t row = 0; row < fractions.size(); row += 9) {
    double sum = 0.0;
    for (std::size_t k = 0; k < 9; ++k) {
      sum += fractions[row + k];
    }
    EXPECT_NEAR(sum, 1.0, 16.0 * std::numeric_limits<double>::epsilon());
  }
}

TEST_F(ZonalStudyTest, UnresolvedEigenvaluesAreMarked) {
  StudyProblem problem = tiny(Study::sphere);
  problem.options.zonal.degree = 64;
  problem.options.kernels.erase(problem.options.kernels.begin(), problem.options.kernels.end() - 1);
  const StudyResult result = run_study(world, problem, silent_monitor());
  const auto& values = data(result, "/experiment/eigenvalue").values;
  const auto& errors = data(result, "/experiment/eigenvalue_error").values;
  ASSERT_EQ(values.size(), errors.size());
  std::int64_t marked = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_TRUE(values[i] == 0.0 || std::abs(values[i]) > errors[i]);
    marked += values[i] == 0.0 ? 1 : 0;
  }
  EXPECT_GT(marked, 0);
  // tanh is known to the digits of double, and the study says so.
  EXPECT_TRUE(std::any_of(result.lines.begin(), result.lines.end(), [](const std::string& line) {
    return line.find("tanh") != std::string::npos && line.find("errors") != std::string::npos;
  }));
}

bool has_claim(const StudyResult& result, const std::string& words) {
  return std::any_of(result.claims.begin(), result.claims.end(), [&](const Claim& claim) {
    return claim.statement.find(words) != std::string::npos;
  });
}

bool fails(const StudyResult& result, const std::string& words) {
  return std::any_of(result.claims.begin(), result.claims.end(), [&](const Claim& claim) {
    return claim.statement.find(words) != std::string::npos && !claim.holds();
  });
}

bool has_line(const StudyResult& result, const std::string& words) {
  return std::any_of(result.lines.begin(), result.lines.end(), [&](const std::string& line) {
    return line.find(words) != std::string::npos;
  });
}

// Beside them, kernels of which the claims are not true.
TEST_F(ZonalStudyTest, ClaimsCanFail) {
  StudyProblem linear = tiny(Study::sphere);
  // Linear, though its name is not that of a polynomial.
  linear.options.kernels = {{3, {"leaky_relu", {{"negative_slope", {1.0}}}}, 2.0, 0.1, {}}};
  EXPECT_TRUE(fails(run_study(world, linear, silent_monitor()), "that are not positive"));

  StudyProblem deep = tiny(Study::boolean_cube);
  deep.options.zonal.dimensions = {6};
  // Nearly the sign: all corners but the same and its opposite are far from each other.
  deep.options.kernels = {{3, {"erf", {}}, 1e4, 0.0, FirstLayer::normalised}};
  EXPECT_TRUE(fails(run_study(world, deep, silent_monitor()), "at which degree 1 has not"));
}

// Where the variance grows up to the last degree found, nothing is known of the rest.
TEST_F(ZonalStudyTest, WhatDoesNotFallIsNotContinued) {
  StudyProblem problem = tiny(Study::sphere);
  problem.options.zonal.degree = 8;
  problem.options.kernels = {{3, {"sin", {{"frequency", {8.0}}}}, 2.0, 0.1, {}}};
  const StudyResult result = run_study(world, problem, silent_monitor());
  EXPECT_TRUE(has_line(result, "the variance does not fall"));
  EXPECT_FALSE(fails(result, "over their continuation"));
  EXPECT_FALSE(fails(result, "beyond the kernel's diagonal"));
}

TEST_F(ZonalStudyTest, NothingExaminedIsNoClaim) {
  StudyProblem problem = tiny(Study::sphere);
  problem.options.zonal.samples = 7;
  problem.options.kernels = {{3, {"relu", {}}, 2.0, 0.0, FirstLayer::normalised}};
  const StudyResult result = run_study(world, problem, silent_monitor());
  EXPECT_FALSE(has_claim(result, "distance of eigenvalues of K / N"));
  EXPECT_FALSE(has_claim(result, "that are not positive"));
  problem.options.zonal.depth = 2;  // no depth lies inside
  EXPECT_FALSE(has_claim(run_study(world, problem, silent_monitor()), "optimal depth"));
}

TEST_F(ZonalStudyTest, OptimaAtTheLastDepthAreMarked) {
  StudyProblem problem = tiny(Study::boolean_cube);
  problem.options.zonal.depth = 12;
  problem.options.zonal.dimensions = {20};
  const StudyResult result = run_study(world, problem, silent_monitor());
  const auto& fractions = data(result, "/experiment/fractional_variance").values;
  const auto& depths = data(result, "/experiment/optimal_depth").values;
  const auto& edges = data(result, "/experiment/optimal_depth_is_edge").values;
  ASSERT_EQ(depths.size(), 4u * 2u * 9u);
  ASSERT_EQ(edges.size(), depths.size());
  std::int64_t inside = 0;
  std::int64_t marked = 0;
  for (std::size_t i = 0; i < depths.size(); ++i) {
    const auto fraction = [&](std::size_t depth) {
      return fractions[(i / 9 * 12 + depth) * 9 + i % 9];
    };
    std::size_t best = 0;
    for (std::size_t depth = 1; depth < 12; ++depth) {
      best = fraction(depth) > fraction(best) ? depth : best;
    }
    const bool is_any = fraction(best) > 0.0;
    EXPECT_EQ(depths[i], is_any ? static_cast<double>(best + 1) : 0.0);
    if (is_any && best == 11) {
      EXPECT_EQ(edges[i], 1.0);
      ++marked;
    } else if (!is_any || fraction(best) > (1.0 + 1e-9) * fraction(11)) {
      EXPECT_EQ(edges[i], 0.0);
      ++inside;
    }
  }
  EXPECT_GT(inside, 0);
  EXPECT_GT(marked, 0);
  EXPECT_TRUE(has_line(result, ":12+"));
  EXPECT_TRUE(has_claim(result, "optimal depth inside 1 to 12 layers"));
}

TEST_F(ZonalStudyTest, LargeCubesNameTheRouteTaken) {
  const StudyResult result = run_study(world, tiny(Study::boolean_cube), silent_monitor());
  EXPECT_TRUE(has_line(result, "d = 20: 2^20 corners"));
  EXPECT_FALSE(has_line(result, "d = 4: 2^4 corners"));
}

// One layer is linear, also with an activation whose duals are integrated: K = w x.y / d + b.
TEST_F(ZonalStudyTest, OneLayerIsLinear) {
  const Architecture tanh{1, {"tanh", {}}, 1.5, 0.1, FirstLayer::normalised};
  const auto grid = ProcessGrid::create(world, {1, world.size()});
  const LimitingKernel kernel(tanh, grid, 64);
  const double residual =
      parity_residual(kernel.of(KernelType::ntk, all_corners(4)), {0.1, 1.5 / 4.0, 0.0, 0.0, 0.0});
  EXPECT_LE(residual, 64.0 * std::numeric_limits<double>::epsilon());
}

// K = sum_S mu_|S| chi_S chi_S^T, term by term, on 2^5 corners.
TEST_F(ZonalStudyTest, ParitiesAreHeldAgainstTheWholeMatrix) {
  constexpr std::int64_t kDimension = 5;
  const std::vector<double> eigenvalues = {1.0, -2.5, 0.5, 0.0, 1e-3, 0.25};
  const Matrix<double> x = all_corners(kDimension);
  ASSERT_EQ(x.cols(), 32);
  const auto parity = [&](std::int64_t subset, std::int64_t corner) {
    double product = 1.0;
    for (std::int64_t j = 0; j < kDimension; ++j) {
      product *= (subset >> j & 1) != 0 ? x.column(corner)[j] : 1.0;
    }
    return product;
  };
  const auto entry = [&](std::int64_t i, std::int64_t j) {
    double sum = 0.0;
    for (std::int64_t subset = 0; subset < x.cols(); ++subset) {
      std::size_t size = 0;
      for (std::int64_t bit = 0; bit < kDimension; ++bit) {
        size += (subset >> bit & 1) != 0 ? 1 : 0;
      }
      sum += eigenvalues[size] * parity(subset, i) * parity(subset, j);
    }
    return sum;
  };
  const auto grid = ProcessGrid::create(world, {1, world.size()});
  DistMatrix<double> kernel(grid, x.cols(), x.cols(), 3);
  kernel.fill(entry);
  // Sums of 32 terms of at most 2.5 twice, over 2.5.
  const double rounding = 2.0 * 32.0 * 32.0 * std::numeric_limits<double>::epsilon();
  EXPECT_LE(parity_residual(kernel.clone(), eigenvalues), rounding);
  std::vector<double> wrong = eigenvalues;
  wrong[4] += 1e-9;
  EXPECT_NEAR(parity_residual(kernel.clone(), wrong), 1e-9 / 2.5, rounding);
  // One entry that is no function of the inner product.
  kernel.fill([&](std::int64_t i, std::int64_t j) {
    return entry(i, j) + (i == 7 && j == 20 ? 1e-6 : 0.0);
  });
  EXPECT_NEAR(parity_residual(std::move(kernel), eigenvalues), 1e-6 / 32.0 / 2.5, rounding);
}

TEST_F(ZonalStudyTest, StopsOnAllRanks) {
  for (const Study study : {Study::boolean_cube, Study::sphere}) {
    test::StopAtQuestion monitor(2);
    EXPECT_ANY_THROW(run_study(world, tiny(study), monitor));
  }
}

TEST_F(ZonalStudyTest, CostsGrowWithEverySize) {
  for (const Study study : {Study::boolean_cube, Study::sphere}) {
    const StudyProblem problem = tiny(study);
    const auto cost = [&](auto&& change) {
      ExperimentOptions options = problem.options;
      change(options);
      return std::tuple{study_bytes(options, {}, {}, 2), study_file_bytes(options, {}, {}),
                        study_flop(options, {}, {})};
    };
    const auto [bytes, file_bytes, flop] = cost([](ExperimentOptions&) {});
    for (const auto& more : {cost([](ExperimentOptions& options) { options.zonal.depth *= 2; }),
                             cost([](ExperimentOptions& options) { options.zonal.degree *= 2; }),
                             cost([](ExperimentOptions& options) {
                               const auto kernels = options.kernels;
                               options.kernels.insert(options.kernels.end(), kernels.begin(),
                                                      kernels.end());
                             })}) {
      EXPECT_GT(std::get<0>(more), bytes);
      EXPECT_GT(std::get<1>(more), file_bytes);
      EXPECT_GT(std::get<2>(more), flop);
    }
  }
  ExperimentOptions options = tiny(Study::sphere).options;
  options.zonal.samples = std::int64_t{1} << 40;
  EXPECT_EQ(study_bytes(options, {}, {}, 1), std::numeric_limits<std::int64_t>::max());
}

}  // namespace
}  // namespace ntkflow
