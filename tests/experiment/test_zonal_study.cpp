#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/experiment/study.hpp>

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

// Variances that grow with the degree up to the last that is recorded leave an unknown rest.
TEST_F(ZonalStudyTest, ClaimsCanFail) {
  StudyProblem problem = tiny(Study::sphere);
  problem.options.zonal.degree = 8;
  problem.options.kernels = {{3, {"sin", {{"frequency", {8.0}}}}, 2.0, 0.1, {}}};
  const StudyResult result = run_study(world, problem, silent_monitor());
  EXPECT_TRUE(std::any_of(result.claims.begin(), result.claims.end(),
                          [](const Claim& claim) { return !claim.holds(); }));
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
                               options.kernels.insert(options.kernels.end(),
                                                      options.kernels.begin(),
                                                      options.kernels.end());
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
