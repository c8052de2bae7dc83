#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include <ntkflow/experiment/study.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/finite/training.hpp>

#include "limiting_kernel.hpp"
#include "random_features.hpp"
#include "study_problem.hpp"
#include "support/mpi_test.hpp"

namespace ntkflow::test {
namespace {

const std::vector<double>& data_of(const StudyResult& result, const std::string& path) {
  for (const StudyData& data : result.data) {
    if (data.info.path == "/experiment/" + path) {
      return data.values;
    }
  }
  throw std::out_of_range(path);
}

double error_of(const double* f, const Matrix<double>& y) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < y.size(); ++i) {
    sum += std::pow(f[i] - y(i, 0), 2) / static_cast<double>(y.size());
  }
  return sum;
}

// One hidden layer, by loops: sigma(z) of the first layer's own parameters.
Matrix<double> hidden(const Network<double>& network, const Matrix<double>& x) {
  const std::int64_t units = network.shape().width;
  Matrix<double> features(units + 1, x.cols());
  for (std::int64_t j = 0; j < x.cols(); ++j) {
    for (std::int64_t i = 0; i < units; ++i) {
      double z = network.bias_scale() * network.biases(0)[static_cast<std::size_t>(i)];
      for (std::int64_t k = 0; k < x.rows(); ++k) {
        z += network.weight_scale(0) * network.weights(0)(i, k) * x(k, j);
      }
      features(i, j) =
          std::sqrt(network.architecture().weight_variance / static_cast<double>(units)) *
          std::erf(z);
    }
    features(units, j) = std::sqrt(network.architecture().bias_variance);
  }
  return features;
}

TEST(DescentTest, RecordsErrorsOfFeaturesAndNetworks) {
  StudyProblem problem = tiny_problem(Study::descent);
  problem.architecture.depth = 2;
  problem.options.descent.features = {0.5, 1.0, 4.0};
  problem.options.descent.ridges = {1e-4, 0.1};
  const StudyResult result = run_study(Communicator::world(), problem, silent_monitor());
  const LimitingKernel limiting(problem.architecture);
  const Matrix<double> kernel = whole(limiting.of(KernelType::nngp, problem.x));
  double diagonal = 0.0;
  for (std::int64_t i = 0; i < 6; ++i) {
    diagonal += kernel(i, i) / 6.0;
  }
  const std::int64_t counts[] = {3, 6, 24};
  for (std::size_t r = 0; r < 2; ++r) {
    const double ridge = problem.options.descent.ridges[r] * diagonal;
    for (std::size_t p = 0; p < 3; ++p) {
      double sum = 0.0;
      for (std::uint64_t draw = 0; draw < 3; ++draw) {
        const Network<double> network(problem.architecture, {2, counts[p], 1},
                                      {problem.options.network.seed,
                                       static_cast<std::uint64_t>(counts[p]) * (1U << 20) + draw});
        const Matrix<double> f =
            regress_on_features(hidden(network, problem.x), hidden(network, problem.test_x),
                                problem.y, std::vector{ridge});
        const double expected = error_of(f.data(), problem.test_y);
        EXPECT_NEAR(data_of(result, "feature_error")[(r * 3 + p) * 3 + draw], expected,
                    1e-7 * (1.0 + expected));
        sum += expected / 3.0;
      }
      EXPECT_NEAR(data_of(result, "feature_error_mean")[r * 3 + p], sum, 1e-7 * (1.0 + sum));
    }
  }
  std::size_t at = 0;
  for (const std::int64_t width : problem.options.network.widths) {
    for (std::uint64_t draw = 0; draw < 3; ++draw, ++at) {
      Network<double> network(
          problem.architecture, {2, width, 1},
          {problem.options.network.seed, static_cast<std::uint64_t>(width) * (1U << 20) + draw});
      train<double>(network, problem.x.view(), problem.y, {0.5, 4, Integrator::descent}, {},
                    silent_monitor());
      const Matrix<double> f = network.evaluate(problem.test_x.view());
      EXPECT_NEAR(data_of(result, "network_error")[at], error_of(f.data(), problem.test_y), 1e-12);
    }
  }
  EXPECT_TRUE(result.claims.empty());  // of three draws
}

TEST(DescentTest, NoiseIsOnTheTrainingTargetsAlone) {
  StudyProblem problem = tiny_problem(Study::descent);
  const StudyResult clean = run_study(Communicator::world(), problem, silent_monitor());
  problem.options.descent.noise = 0.5;
  const StudyResult noisy = run_study(Communicator::world(), problem, silent_monitor());
  EXPECT_NE(data_of(clean, "kernel_error"), data_of(noisy, "kernel_error"));
  EXPECT_NE(data_of(clean, "network_error"), data_of(noisy, "network_error"));
  EXPECT_EQ(data_of(clean, "effective_ridge"), data_of(noisy, "effective_ridge"));
}

TEST(DescentTest, ClaimsSayWhereThePeakIs) {
  StudyProblem problem = tiny_problem(Study::descent);
  problem.architecture = {2, {"relu", {}}, 2.0, 0.0, FirstLayer::plain};
  problem.x = normal_samples(6, 48, 8);
  problem.test_x = normal_samples(6, 40, 9);
  problem.y = normal_samples(48, 1, 10);
  problem.test_y = normal_samples(40, 1, 11);
  problem.options.network.draws = 16;
  problem.options.network.learning_rate = 0.05;
  const StudyResult result = run_study(Communicator::world(), problem, silent_monitor());
  ASSERT_EQ(result.claims.size(), 6U);
  for (std::size_t k = 0; k < 6; ++k) {
    EXPECT_TRUE(result.claims[k].holds()) << result.claims[k].statement;
  }
  EXPECT_EQ(result.claims[0].value, 0.0);
  // Where the list ends before N the largest error is no peak, and that is said; and nothing is
  // claimed of P = N, which is not in it.
  problem.options.descent.features = {0.0625, 0.125, 0.25};
  const StudyResult cut = run_study(Communicator::world(), problem, silent_monitor());
  ASSERT_EQ(cut.claims.size(), 5U);
  EXPECT_FALSE(cut.claims[0].holds());
  // Nor with one ridge, which has the peak.
  problem.options.descent.features = {0.5, 1.0, 2.0};
  problem.options.descent.ridges = {1e-8};
  EXPECT_EQ(run_study(Communicator::world(), problem, silent_monitor()).claims.size(), 5U);
}

}  // namespace
}  // namespace ntkflow::test
