#include <cmath>
#include <cstring>
#include <numeric>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/experiment/study.hpp>
#include <ntkflow/finite/tangent.hpp>
#include <ntkflow/kernel/dual_reference.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

#include "study_problem.hpp"
#include "support/mpi_test.hpp"
#include "width_bounds.hpp"

namespace ntkflow::test {
namespace {

StudyProblem width_problem() {
  StudyProblem problem = tiny_problem(Study::finite_width_bound);
  problem.options.network.widths = {16, 64, 256, 4096};
  problem.options.network.draws = 10;
  problem.options.width_bound.epsilons = {0.1, 1.0, 1.5};
  problem.options.width_bound.separations = {0.01, 1.0};
  problem.architecture = {2, {"relu", {}}, 2.0, 0.1, FirstLayer::plain};
  problem.x = normal_samples(6, 6, 0);
  return problem;
}

const std::vector<double>& data_of(const StudyResult& result, const std::string& path) {
  for (const StudyData& data : result.data) {
    if (data.info.path == "/experiment/" + path) {
      return data.values;
    }
  }
  throw std::out_of_range(path);
}

Matrix<double> limit_of(const StudyProblem& problem, const Matrix<double>& x) {
  const auto product = [&](std::int64_t i, std::int64_t j) {
    return std::inner_product(x.column(i), x.column(i) + 6, x.column(j), 0.0);
  };
  Matrix<double> kernel(x.cols(), x.cols());
  for (std::int64_t j = 0; j < x.cols(); ++j) {
    for (std::int64_t i = 0; i < x.cols(); ++i) {
      kernel(i, j) =
          reference::kernels(problem.architecture, 6, {product(i, i), product(j, j), product(i, j)})
              .ntk;
    }
  }
  return kernel;
}

TEST(FiniteWidthBoundTest, RecordsDistancesOfKernels) {
  const StudyProblem problem = width_problem();
  const Communicator world = Communicator::world();
  const StudyResult result = run_study(world, problem, silent_monitor());
  const Matrix<double> limit = limit_of(problem, problem.x);
  double diagonal = 0.0;
  for (std::int64_t i = 0; i < 6; ++i) {
    diagonal += limit(i, i) / 6.0;
  }
  std::size_t at = 0;
  for (const std::int64_t width : problem.options.network.widths) {
    for (std::uint64_t draw = 0; draw < 10; ++draw, ++at) {
      const Network<double> network(
          problem.architecture, {6, width, 1},
          {problem.options.network.seed, static_cast<std::uint64_t>(width) * (1U << 20) + draw});
      const auto kernel_of = [&](const Matrix<double>& x) {
        const Tangent<double> tangent(network, x.view());
        return tangent.kernel(tangent);
      };
      const Matrix<double> own = kernel_of(problem.x);
      double largest = 0.0;
      double square = 0.0;
      for (std::int64_t i = 0; i < own.size(); ++i) {
        const double difference = std::abs(own.data()[i] - limit.data()[i]);
        largest = std::max(largest, difference);
        square += difference * difference;
      }
      EXPECT_NEAR(data_of(result, "entry_deviation")[at], largest / diagonal, 1e-12);
      const double norm = diagonalise_local(limit.view()).values.back();
      const double spectral = data_of(result, "spectral_deviation")[at] * norm;
      EXPECT_LE(spectral, std::sqrt(square) * (1.0 + 1e-12));
      EXPECT_GE(spectral, std::sqrt(square / 6.0) * (1.0 - 1e-12));
      for (std::size_t s = 0; s < 2; ++s) {
        const Matrix<double> near =
            brought_together(problem.x, problem.options.width_bound.separations[s]);
        const double expected = diagonalise_local(kernel_of(near).view()).values.front() /
                                diagonalise_local(limit_of(problem, near).view()).values.front();
        EXPECT_NEAR(data_of(result, "eigenvalue_ratio")[s * 40 + at], expected, 1e-9);
      }
    }
  }
  for (std::size_t w = 0; w < 4; ++w) {
    const std::span<const double> all(data_of(result, "entry_deviation"));
    EXPECT_EQ(data_of(result, "entry_quantile")[w], quantile_at(all.subspan(10 * w, 10), 0.9));
  }
  EXPECT_LT(data_of(result, "lambda_0")[0], data_of(result, "lambda_0")[1]);
  EXPECT_GT(data_of(result, "entry_width")[0], data_of(result, "entry_width")[1]);
  EXPECT_LT(data_of(result, "entry_width")[0], data_of(result, "bernstein_width")[0]);
  ASSERT_EQ(result.claims.size(), 5U);
  EXPECT_NE(result.claims[2].statement.find("known of 2 of 3 epsilons"), std::string::npos)
      << result.claims[2].statement;
  EXPECT_NE(result.claims[4].statement.find("known of 1 of 2 separations"), std::string::npos)
      << result.claims[4].statement;
  for (std::size_t k = 2; k < 5; ++k) {
    EXPECT_TRUE(result.claims[k].holds()) << result.claims[k].statement;
  }
  EXPECT_LE(data_of(result, "chernoff_width")[1], 4096.0);
}

TEST(FiniteWidthBoundTest, ClaimsNothingOfWhatIsNotTold) {
  StudyProblem problem = width_problem();
  problem.options.width_bound.separations = {0.001, 0.01};
  problem.options.network.widths = {4, 6, 8};
  const StudyResult narrow = run_study(Communicator::world(), problem, silent_monitor());
  EXPECT_EQ(data_of(narrow, "eigenvalue_width_side"), (std::vector<double>{1.0, 1.0}));
  EXPECT_EQ(data_of(narrow, "eigenvalue_width"), (std::vector<double>{8.0, 8.0}));
  for (const Claim& claim : narrow.claims) {
    EXPECT_EQ(claim.statement.find("enough"), std::string::npos) << claim.statement;
    EXPECT_EQ(claim.statement.find("pairs"), std::string::npos) << claim.statement;
  }
  problem.options.width_bound.separations = {0.5, 1.5};
  problem.options.network.widths = {2048, 4096, 8192};
  const StudyResult wide = run_study(Communicator::world(), problem, silent_monitor());
  EXPECT_EQ(data_of(wide, "eigenvalue_width_side"), (std::vector<double>{-1.0, -1.0}));
  EXPECT_EQ(data_of(wide, "eigenvalue_width"), (std::vector<double>{2048.0, 2048.0}));
}

TEST(FiniteWidthBoundTest, IsTheSameOnAnyNumberOfRanks) {
  for (const auto precision :
       {NetworkPrecision::single_precision, NetworkPrecision::double_precision}) {
    StudyProblem problem = width_problem();
    problem.options.network.precision = precision;
    const StudyResult together = run_study(Communicator::world(), problem, silent_monitor());
    const StudyResult alone = run_study(Communicator::self(), problem, silent_monitor());
    ASSERT_EQ(together.data.size(), alone.data.size());
    for (std::size_t i = 0; i < alone.data.size(); ++i) {
      const auto& a = together.data[i].values;
      const auto& b = alone.data[i].values;
      ASSERT_EQ(a.size(), b.size());
      EXPECT_EQ(std::memcmp(a.data(), b.data(), a.size() * sizeof(double)), 0)
          << alone.data[i].info.path;
      std::int64_t size = 1;
      for (const std::int64_t extent : alone.data[i].info.shape) {
        size *= extent;
      }
      EXPECT_EQ(size, std::ssize(a));
    }
    EXPECT_EQ(together.lines, alone.lines);
  }
}

TEST(FiniteWidthBoundTest, OtherNetworksHaveNoExplicitBound) {
  StudyProblem problem = width_problem();
  problem.architecture = {3, {"erf", {}}, 1.5, 0.1, FirstLayer::normalised};
  problem.options.network.widths = {4, 8, 16};
  const StudyResult result = run_study(Communicator::world(), problem, silent_monitor());
  EXPECT_THROW(data_of(result, "bernstein_width"), std::out_of_range);
  EXPECT_THROW(data_of(result, "chernoff_width"), std::out_of_range);
  EXPECT_EQ(data_of(result, "arora_width").size(), 3U);
}

TEST(FiniteWidthBoundTest, NumbersBeyondThePrecisionAreAnError) {
  StudyProblem problem = width_problem();
  problem.architecture = {4, {"relu", {}}, 1e15, 0.01, FirstLayer::normalised};
  problem.options.network.precision = NetworkPrecision::single_precision;
  EXPECT_THROW(run_study(Communicator::world(), problem, silent_monitor()), NumericalError);
}

TEST(FiniteWidthBoundTest, ASingularLimitIsAnError) {
  StudyProblem problem = width_problem();
  problem.x = normal_samples(4, 6, 0);
  problem.architecture = {2, {"identity", {}}, 1.0, 0.0, FirstLayer::plain};
  EXPECT_THROW(run_study(Communicator::world(), problem, silent_monitor()), NumericalError);
}

}  // namespace
}  // namespace ntkflow::test
