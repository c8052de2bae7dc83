#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dynamics/local_flow.hpp>
#include <ntkflow/experiment/study.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/finite/tangent.hpp>
#include <ntkflow/finite/training.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "limiting_kernel.hpp"
#include "study_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/stop_at_question.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const std::vector<double>& data_of(const StudyResult& result, const std::string& path) {
  for (const StudyData& data : result.data) {
    if (data.info.path == path) {
      return data.values;
    }
  }
  throw std::out_of_range(path);
}

/// The values of a scale as reals.
std::vector<double> reals(const StudyAxis& axis) {
  return std::visit(
      [](const auto& values) { return std::vector<double>(values.begin(), values.end()); },
      axis.values);
}

/// Every number of a result, in order.
std::vector<double> all_numbers(const StudyResult& result) {
  std::vector<double> numbers;
  const auto add = [&](const std::vector<double>& values) {
    numbers.insert(numbers.end(), values.begin(), values.end());
  };
  for (const StudyAxis& axis : result.axes) {
    add(reals(axis));
  }
  for (const StudyData& data : result.data) {
    add(data.values);
  }
  for (const StudyAttribute& attribute : result.attributes) {
    if (const auto* number = std::get_if<double>(&attribute.value)) {
      numbers.push_back(*number);
    } else if (const auto* list = std::get_if<std::vector<double>>(&attribute.value)) {
      add(*list);
    }
  }
  for (const Claim& claim : result.claims) {
    add({claim.value, claim.expected, claim.tolerance});
  }
  for (const std::int64_t step : result.diverged_at) {
    numbers.push_back(static_cast<double>(step));
  }
  return numbers;
}

bool same_bits(const std::vector<double>& a, const std::vector<double>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(double)) == 0;
}

/// Shapes agree with axes and values with shapes; the one number that is not finite is the time
/// without end.
void expect_sound(const StudyResult& result) {
  std::map<std::string, std::int64_t> extent{{"/train_sample", 6}};
  for (const StudyAxis& axis : result.axes) {
    EXPECT_TRUE(extent.emplace(axis.path, std::ssize(reals(axis))).second) << axis.path;
    EXPECT_FALSE(axis.long_name.empty()) << axis.path;
    for (const double value : reals(axis)) {
      EXPECT_TRUE(std::isfinite(value) ||
                  (axis.path == "/experiment/limit_time" && value == kInfinity))
          << axis.path;
    }
  }
  for (const StudyData& data : result.data) {
    SCOPED_TRACE(data.info.path);
    ASSERT_EQ(data.info.shape.size(), data.info.axes.size());
    std::int64_t size = 1;
    for (std::size_t k = 0; k < data.info.shape.size(); ++k) {
      size *= data.info.shape[k];
      ASSERT_TRUE(extent.contains(data.info.axes[k])) << data.info.axes[k];
      EXPECT_EQ(data.info.shape[k], extent[data.info.axes[k]]) << data.info.axes[k];
    }
    EXPECT_EQ(std::ssize(data.values), size);
    EXPECT_FALSE(data.info.long_name.empty());
    for (const double value : data.values) {
      EXPECT_TRUE(std::isfinite(value));
    }
  }
  for (const Claim& claim : result.claims) {
    EXPECT_TRUE(std::isfinite(claim.value)) << claim.statement;
    EXPECT_TRUE(std::isfinite(claim.expected)) << claim.statement;
    EXPECT_GE(claim.tolerance, 0.0) << claim.statement;
  }
  EXPECT_FALSE(result.lines.empty());
  EXPECT_EQ(result.diverged_at.size(), 6U);
}

class StudyTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();
  const Communicator self = Communicator::self();
};

TEST_F(StudyTest, IsTheSameOnAnyNumberOfRanks) {
  for (const Study study : kNetworkStudies) {
    for (const auto precision :
         {NetworkPrecision::single_precision, NetworkPrecision::double_precision}) {
      StudyProblem problem = tiny_problem(study);
      problem.options.network.precision = precision;
      const StudyResult together = run_study(world, problem, silent_monitor());
      const StudyResult alone = run_study(self, problem, silent_monitor());
      expect_sound(together);
      EXPECT_TRUE(same_bits(all_numbers(together), all_numbers(alone)));
      EXPECT_EQ(together.lines, alone.lines);
      ASSERT_EQ(together.names.size(), alone.names.size());
      for (std::size_t i = 0; i < together.names.size(); ++i) {
        EXPECT_EQ(together.names[i].values, alone.names[i].values);
      }
      EXPECT_EQ(together.diverged_at, std::vector<std::int64_t>(6, -1));
      // Another ensemble is another result.
      problem.options.network.seed += 1;
      const StudyResult other = run_study(self, problem, silent_monitor());
      EXPECT_FALSE(same_bits(all_numbers(other), all_numbers(alone)));
    }
  }
}

TEST_F(StudyTest, FollowsTheFlowWhereAskedTo) {
  for (const Study study : kNetworkStudies) {
    StudyProblem problem = tiny_problem(study);
    const StudyResult descent = run_study(world, problem, silent_monitor());
    problem.options.network.method = TrainingMethod::flow;
    const StudyResult flow = run_study(world, problem, silent_monitor());
    expect_sound(flow);
    EXPECT_FALSE(same_bits(all_numbers(flow), all_numbers(descent)));
  }
}

/// Network `draw` of a width, as a study must make it: member width 2^20 + draw of its seed.
Network<double> network_of(const StudyProblem& problem, std::int64_t width, std::int64_t draw) {
  return {problem.architecture,
          {problem.x.rows(), width, 1},
          {problem.options.network.seed,
           static_cast<std::uint64_t>(width) * (1U << 20) + static_cast<std::uint64_t>(draw)}};
}

TrainingOutcome trained(Network<double>& network, const StudyProblem& problem) {
  const NetworkOptions& options = problem.options.network;
  return train<double>(network, problem.x.view(), problem.y,
                       {options.learning_rate, options.steps, Integrator::descent}, {},
                       silent_monitor());
}

Matrix<double> circle_points(std::int64_t count) {
  Matrix<double> points(2, count);
  for (std::int64_t i = 0; i < count; ++i) {
    const double angle =
        std::numbers::pi * (2.0 * static_cast<double>(i) / static_cast<double>(count - 1) - 1.0);
    points(0, i) = std::cos(angle);
    points(1, i) = std::sin(angle);
  }
  return points;
}

TEST_F(StudyTest, KernelConvergenceRecordsKernelsOfNetworks) {
  const StudyProblem problem = tiny_problem(Study::kernel_convergence);
  const StudyResult result = run_study(world, problem, silent_monitor());
  const auto& kernel = data_of(result, "/experiment/kernel");
  const auto& limit = data_of(result, "/experiment/limit");
  const Matrix<double> points = circle_points(5);
  Matrix<double> anchor(2, 1);
  anchor(0, 0) = 1.0;
  std::size_t at = 0;
  std::vector<double> drift(2);
  for (std::size_t w = 0; w < 2; ++w) {
    for (std::int64_t draw = 0; draw < 3; ++draw) {
      Network<double> network = network_of(problem, problem.options.network.widths[w], draw);
      std::vector<double> start;
      for (const bool is_trained : {false, true}) {
        if (is_trained) {
          trained(network, problem);
        }
        const Tangent<double> left(network, anchor.view());
        const Tangent<double> right(network, points.view());
        const Matrix<double> expected = left.kernel(right);
        for (std::int64_t i = 0; i < 5; ++i, ++at) {
          EXPECT_NEAR(kernel[at], expected(0, i), ulp_bound<double>(64.0, 1.0));
          if (!is_trained) {
            start.push_back(kernel[at]);
          } else {
            drift[w] += std::pow(kernel[at] - start[static_cast<std::size_t>(i)], 2) / 15.0;
          }
        }
      }
    }
  }
  double scale = 0.0;
  for (std::int64_t i = 0; i < 5; ++i) {
    const double value = reference::kernels(problem.architecture, 2, {1.0, 1.0, points(0, i)}).ntk;
    EXPECT_NEAR(limit[static_cast<std::size_t>(i)], value, ulp_bound<double>(2000.0, value));
    scale += value * value / 5.0;
  }
  for (std::size_t w = 0; w < 2; ++w) {
    const double expected = std::sqrt(drift[w] / scale);
    EXPECT_GT(expected, 1e-3);
    EXPECT_NEAR(data_of(result, "/experiment/drift")[w], expected, 1e-12);
  }
}

TEST_F(StudyTest, GaussianLimitRecordsFunctionsAndTheirLaw) {
  StudyProblem problem = tiny_problem(Study::gaussian_limit);
  const StudyResult result = run_study(world, problem, silent_monitor());
  const Matrix<double> points = circle_points(5);
  const auto& before = data_of(result, "/experiment/network_initial");
  const auto& after = data_of(result, "/experiment/network");
  std::size_t at = 0;
  for (const std::int64_t width : problem.options.network.widths) {
    for (std::int64_t draw = 0; draw < 3; ++draw) {
      Network<double> network = network_of(problem, width, draw);
      const Matrix<double> start = network.evaluate(points.view());
      trained(network, problem);
      const Matrix<double> end = network.evaluate(points.view());
      for (std::int64_t i = 0; i < 5; ++i, ++at) {
        EXPECT_NEAR(before[at], start.data()[i], ulp_bound<double>(64.0, 1.0));
        EXPECT_NEAR(after[at], end.data()[i], ulp_bound<double>(64.0, 1.0));
      }
    }
  }

  // With one training point the law has a closed form: a = kappa phi / ..., all scalars.
  problem.x = Matrix<double>(2, 1);
  problem.x(0, 0) = 0.6;
  problem.x(1, 0) = 0.8;
  problem.y = Matrix<double>(1, 1);
  problem.y(0, 0) = 0.75;
  const StudyResult one = run_study(world, problem, silent_monitor());
  const auto kernels = [&](const double* a, const double* b) {
    return reference::kernels(
        problem.architecture, 2,
        {a[0] * a[0] + a[1] * a[1], b[0] * b[0] + b[1] * b[1], a[0] * b[0] + a[1] * b[1]});
  };
  const double* x = problem.x.column(0);
  const KernelPair here = kernels(x, x);
  for (std::size_t t = 0; t < 2; ++t) {
    const double time = t == 0 ? 0.5 * 4.0 : kInfinity;
    for (std::size_t i = 0; i < 5; ++i) {
      const double* z = points.column(static_cast<std::int64_t>(i));
      const KernelPair there = kernels(z, z);
      const KernelPair across = kernels(z, x);
      const double a = across.ntk * (1.0 - std::exp(-time * here.ntk)) / here.ntk;
      const double mean = a * 0.75;
      const double variance = there.nngp - 2.0 * a * across.nngp + a * a * here.nngp;
      EXPECT_NEAR(data_of(one, "/experiment/mean")[t * 5 + i], mean, 1e-12);
      EXPECT_NEAR(data_of(one, "/experiment/variance")[t * 5 + i], variance, 1e-12);
      const double* quantile = &data_of(one, "/experiment/quantile")[t * 15 + i];
      EXPECT_NEAR(quantile[5], mean, 1e-12);
      constexpr double kNormal90 = 1.2815515655446004;
      EXPECT_NEAR(quantile[10] - mean, kNormal90 * std::sqrt(variance), 1e-12);
      EXPECT_NEAR(mean - quantile[0], kNormal90 * std::sqrt(variance), 1e-12);
    }
  }
}

TEST_F(StudyTest, PrincipalComponentsAreThoseOfTheKernel) {
  const StudyProblem problem = tiny_problem(Study::principal_components);
  const StudyResult result = run_study(world, problem, silent_monitor());
  const auto& value = data_of(result, "/experiment/eigenvalue");
  const auto& projection = data_of(result, "/experiment/projection");
  const Matrix<double> kernel =
      whole(LimitingKernel(problem.architecture).of(KernelType::ntk, problem.x));
  ASSERT_EQ(value.size(), 6U);
  EXPECT_TRUE(std::is_sorted(value.rbegin(), value.rend()));
  for (std::size_t k = 0; k < 6; ++k) {
    double square = 0.0;
    for (std::size_t i = 0; i < 6; ++i) {
      double image = 0.0;
      for (std::size_t j = 0; j < 6; ++j) {
        image += kernel(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)) *
                 projection[j * 6 + k] / 6.0;
      }
      EXPECT_NEAR(image, value[k] * projection[i * 6 + k],
                  eigen_bound<double>(6, std::sqrt(6.0) * value[0]));
      square += projection[i * 6 + k] * projection[i * 6 + k] / 6.0;
    }
    EXPECT_NEAR(square, 1.0, eigen_bound<double>(6, 1.0));
  }
  const auto& along = data_of(result, "/experiment/along");
  const auto& across = data_of(result, "/experiment/across");
  const auto& theory = data_of(result, "/experiment/theory_along");
  for (std::size_t draw = 0; draw < 6; ++draw) {
    EXPECT_NEAR(along[draw * 5], 0.5, 1e-14);
    EXPECT_LE(across[draw * 5], 1e-14);
    EXPECT_LT(along[draw * 5 + 4], along[draw * 5]);
    EXPECT_GT(across[draw * 5 + 4], 1e-6);
  }
  for (std::size_t step = 0; step < 5; ++step) {
    EXPECT_NEAR(theory[step], 0.5 * std::exp(-value[1] * 0.5 * static_cast<double>(step)), 1e-15);
  }
}

double rms_difference(const Matrix<double>& a, const Matrix<double>& b) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    sum += std::pow(a.data()[i] - b.data()[i], 2);
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}

/// f at the test points after explicit steps of descent under a kernel that does not move.
/// @param cross  [4 x 6]
Matrix<double> descended(const StudyProblem& problem, const Matrix<double>& kernel,
                         const Matrix<double>& cross, const Matrix<double>& f0_train,
                         const Matrix<double>& f0_test) {
  Matrix<double> train = f0_train.clone();
  Matrix<double> test = f0_test.clone();
  for (std::int64_t step = 0; step < problem.options.network.steps; ++step) {
    std::vector<double> error(6);
    for (std::int64_t i = 0; i < 6; ++i) {
      error[static_cast<std::size_t>(i)] = 0.5 / 6.0 * (problem.y(i, 0) - train(i, 0));
    }
    for (std::int64_t j = 0; j < 6; ++j) {
      for (std::int64_t i = 0; i < 6; ++i) {
        train(i, 0) += kernel(i, j) * error[static_cast<std::size_t>(j)];
      }
      for (std::int64_t i = 0; i < 4; ++i) {
        test(i, 0) += cross(i, j) * error[static_cast<std::size_t>(j)];
      }
    }
  }
  return test;
}

TEST_F(StudyTest, WidthScalingMeasuresItsQuantities) {
  const StudyProblem problem = tiny_problem(Study::width_scaling);
  const StudyResult result = run_study(world, problem, silent_monitor());
  const auto& value = data_of(result, "/experiment/value");
  const LimitingKernel limit(problem.architecture);
  const Matrix<double> kernel = whole(limit.of(KernelType::ntk, problem.x));
  const Matrix<double> cross = whole(limit.between(KernelType::ntk, problem.test_x, problem.x));
  const double scale = rms_difference(kernel, Matrix<double>(6, 6));
  std::size_t at = 0;
  for (const std::int64_t width : problem.options.network.widths) {
    for (std::int64_t draw = 0; draw < 3; ++draw, ++at) {
      Network<double> network = network_of(problem, width, draw);
      const Tangent<double> before(network, problem.x.view());
      const Tangent<double> at_test(network, problem.test_x.view());
      const Matrix<double> f0 = network.evaluate(problem.x.view());
      const Matrix<double> f0_test = network.evaluate(problem.test_x.view());
      const TrainingOutcome outcome = trained(network, problem);
      const Tangent<double> after(network, problem.x.view());
      const Matrix<double> start = before.kernel(before);
      const Matrix<double> end = after.kernel(after);
      const Matrix<double> mixed = after.kernel(before);
      double jacobian = 0.0;
      double trace = 0.0;
      for (std::int64_t i = 0; i < 6; ++i) {
        jacobian += end(i, i) - 2.0 * mixed(i, i) + start(i, i);
        trace += start(i, i);
      }
      const Matrix<double> f = network.evaluate(problem.test_x.view());
      const double to_limit = rms_difference(f, descended(problem, kernel, cross, f0, f0_test));
      const double to_linear =
          rms_difference(f, descended(problem, start, at_test.kernel(before), f0, f0_test));
      EXPECT_NEAR(value[at], rms_difference(start, kernel) / scale, 1e-12);
      EXPECT_NEAR(value[6 + at], rms_difference(end, start) / scale, 1e-12);
      EXPECT_NEAR(value[12 + at], to_limit, 1e-12);
      EXPECT_NEAR(value[18 + at], to_linear, 1e-12);
      EXPECT_GT(std::abs(to_limit - to_linear), 1e-6);
      EXPECT_NEAR(value[24 + at],
                  (1.0 - outcome.loss.back() / outcome.loss.front()) / std::sqrt(jacobian / trace),
                  1e-9);
    }
  }
}

TEST_F(StudyTest, RecordsDivergenceInFiniteNumbers) {
  for (const Study study : kNetworkStudies) {
    for (const double rate : {8.0, 40.0, 1e9, 1e300}) {
      for (const std::int64_t steps : {4, 400}) {
        SCOPED_TRACE(static_cast<int>(study) * 10000 + steps);
        StudyProblem problem = tiny_problem(study);
        problem.options.network.learning_rate = rate;
        problem.options.network.steps = steps;
        problem.options.network.unstable = UnstableRate::run;
        ASSERT_GT(rate, stable_learning_rate(problem));
        const StudyResult result = run_study(world, problem, silent_monitor());
        expect_sound(result);
        const auto diverged = std::count_if(result.diverged_at.begin(), result.diverged_at.end(),
                                            [](std::int64_t step) { return step >= 0; });
        if (rate > 8.0 || steps > 4) {
          EXPECT_GT(diverged, 0);
          EXPECT_FALSE(result.claims.back().holds()) << result.claims.back().statement;
        }
        EXPECT_TRUE(same_bits(all_numbers(result),
                              all_numbers(run_study(self, problem, silent_monitor()))));
      }
    }
  }
}

TEST_F(StudyTest, NetworksThatHardlyMoveLeaveFiniteNumbers) {
  for (const Study study : kNetworkStudies) {
    StudyProblem problem = tiny_problem(study);
    problem.options.network.learning_rate = 1e-200;
    expect_sound(run_study(world, problem, silent_monitor()));
    problem.options.network.learning_rate = 0.5;
    problem.options.network.widths = {1, 2};
    problem.architecture = {2, {"relu", {}}, 1.0, 0.0, FirstLayer::normalised};
    expect_sound(run_study(world, problem, silent_monitor()));
  }
}

TEST_F(StudyTest, NumbersBeyondThePrecisionAreAnError) {
  StudyProblem problem = tiny_problem(Study::kernel_convergence);
  problem.architecture = {4, {"relu", {}}, 1e15, 0.01, FirstLayer::normalised};
  problem.options.network.precision = NetworkPrecision::single_precision;
  problem.options.network.learning_rate = 1e-70;
  EXPECT_THROW(run_study(world, problem, silent_monitor()), NumericalError);
  problem.options.network.precision = NetworkPrecision::double_precision;
  EXPECT_NO_THROW(run_study(world, problem, silent_monitor()));
}

TEST_F(StudyTest, StopsOnAllRanks) {
  for (const Study study : kNetworkStudies) {
    for (const int question : {0, 1, 3, 7}) {
      const StudyProblem problem = tiny_problem(study);
      StopAtQuestion monitor(question);
      ExitCode code = ExitCode::success;
      try {
        run_study(world, problem, monitor);
      } catch (const Error& error) {
        code = error.exit_code();
      }
      // Four ranks train one or two networks of four steps each; a rank may end before question 7.
      if (question < 7) {
        EXPECT_EQ(code, ExitCode::interrupted);
      }
      EXPECT_TRUE(world.agree(code == ExitCode::success).ok ||
                  world.agree(code == ExitCode::interrupted).ok);
    }
  }
}

/// Counts how often progress grew.
class Steps : public Monitor {
 public:
  void progress(std::int64_t done, std::int64_t /*total*/) override {
    EXPECT_GE(done, last_);
    grown += done > last_ ? 1 : 0;
    last_ = done;
  }
  int grown = 0;

 private:
  std::int64_t last_ = 0;
};

// Networks of the default studies take minutes each.
TEST_F(StudyTest, ProgressGrowsWhileANetworkIsTrained) {
  for (const Study study : kNetworkStudies) {
    StudyProblem problem = tiny_problem(study);
    problem.options.network.steps = 20;
    Steps monitor;
    run_study(world, problem, monitor);
    EXPECT_GE(monitor.grown, 20);
  }
}

TEST_F(StudyTest, StableRateIsTheEdgeOfStability) {
  const StudyProblem problem = tiny_problem(Study::width_scaling);
  const Matrix<double> kernel =
      whole(LimitingKernel(problem.architecture).of(KernelType::ntk, problem.x));
  // Power iteration on K / N.
  std::vector<double> v(6, 1.0);
  double lambda = 0.0;
  for (int sweep = 0; sweep < 500; ++sweep) {
    std::vector<double> image(6);
    double norm = 0.0;
    for (std::size_t i = 0; i < 6; ++i) {
      for (std::size_t j = 0; j < 6; ++j) {
        image[i] += kernel(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)) * v[j] / 6.0;
      }
      norm += image[i] * image[i];
    }
    lambda = std::sqrt(norm);
    for (std::size_t i = 0; i < 6; ++i) {
      v[i] = image[i] / lambda;
    }
  }
  EXPECT_NEAR(stable_learning_rate(problem), 2.0 / lambda, 1e-10);
}

TEST(ClaimTest, HoldsWithinItsTolerance) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE((Claim{"", 1.25, 1.0, 0.25}.holds()));
  EXPECT_TRUE((Claim{"", 0.75, 1.0, 0.25}.holds()));
  EXPECT_FALSE((Claim{"", 1.3, 1.0, 0.25}.holds()));
  EXPECT_FALSE((Claim{"", kNan, 1.0, 0.25}.holds()));
  EXPECT_FALSE((Claim{"", 1.0, kNan, 0.25}.holds()));
  EXPECT_FALSE((Claim{"", 1.0, 1.0, kNan}.holds()));
  EXPECT_FALSE((Claim{"", kInfinity, 1.0, 0.25}.holds()));
}

// Networks of one and two units are nowhere near the powers of wide ones, and that is said.
TEST_F(StudyTest, ClaimsOfNarrowNetworksFail) {
  StudyProblem problem = tiny_problem(Study::width_scaling);
  problem.options.network.widths = {1, 2};
  const StudyResult result = run_study(world, problem, silent_monitor());
  EXPECT_TRUE(std::any_of(result.claims.begin(), result.claims.end(),
                          [](const Claim& claim) { return !claim.holds(); }));
}

struct Refusal {
  Study study;
  void (*spoil)(ExperimentOptions& options, DataShape& shape);
  const char* words;
};

TEST(CheckStudyTest, RefusesWhatAStudyCannotBeMadeOf) {
  const DataShape good{6, 4, 2, 1};
  for (const Study study : kNetworkStudies) {
    EXPECT_NO_THROW(check_study(tiny_problem(study).options, good));
  }
  const Refusal refusals[] = {
      {Study::kernel_convergence, [](auto&, auto& shape) { shape.dimension = 3; }, "2 inputs"},
      {Study::gaussian_limit, [](auto&, auto& shape) { shape.dimension = 1; }, "2 inputs"},
      {Study::kernel_convergence, [](auto&, auto& shape) { shape.outputs = 2; }, "one output"},
      {Study::gaussian_limit, [](auto&, auto& shape) { shape.outputs = 10; }, "one output"},
      {Study::width_scaling, [](auto&, auto& shape) { shape.outputs = 10; }, "one output"},
      {Study::width_scaling, [](auto&, auto& shape) { shape.test_size = 0; }, "test points"},
      {Study::descent, [](auto&, auto& shape) { shape.outputs = 10; }, "one output"},
      {Study::descent, [](auto&, auto& shape) { shape.test_size = 0; }, "test points"},
      {Study::descent, [](auto& options, auto&) { options.descent.features = {1e300}; },
       "experiment.features"},
      {Study::finite_width_bound, [](auto&, auto& shape) { shape.outputs = 2; }, "one output"},
      {Study::finite_width_bound, [](auto&, auto& shape) { shape.train_size = 1; }, "2 samples"},
      {Study::finite_width_bound, [](auto&, auto& shape) { shape.dimension = 1; }, "2 inputs"},
      {Study::finite_width_bound, [](auto&, auto&) {}, "at least three"},
      {Study::width_scaling, [](auto& options, auto&) { options.network.widths = {8}; },
       "at least two"},
      {Study::width_scaling, [](auto& options, auto&) { options.network.steps = 0; },
       "network.steps"},
      {Study::principal_components, [](auto& options, auto&) { options.network.steps = 0; },
       "network.steps"},
      {Study::principal_components, [](auto& options, auto&) { options.component = 7; },
       "experiment.component"},
      {Study::kernel_convergence, [](auto& options, auto&) { options.network.draws = 1; },
       "network.draws"},
      {Study::gaussian_limit, [](auto& options, auto&) { options.network.draws = 1; },
       "network.draws"},
  };
  for (const Refusal& refusal : refusals) {
    ExperimentOptions options = tiny_problem(refusal.study).options;
    DataShape shape = good;
    refusal.spoil(options, shape);
    try {
      check_study(options, shape);
      ADD_FAILURE() << refusal.words;
    } catch (const ConfigError& error) {
      EXPECT_NE(std::string(error.what()).find(refusal.words), std::string::npos) << error.what();
    }
  }
  // What is no matter to a study is no reason to refuse it.
  ExperimentOptions options = tiny_problem(Study::principal_components).options;
  options.component = 6;
  EXPECT_NO_THROW(check_study(options, {6, 0, 784, 10}));
  options = tiny_problem(Study::width_scaling).options;
  options.network.draws = 2;
  EXPECT_NO_THROW(check_study(options, {6, 4, 784, 1}));
}

TEST(StudyBytesTest, GrowWithEverySizeAndNeverOverflow) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const DataShape shape{6, 4, 2, 1};
  for (const Study study : kNetworkStudies) {
    const StudyProblem problem = tiny_problem(study);
    const auto bytes = [&](const auto& change) {
      ExperimentOptions options = problem.options;
      Architecture architecture = problem.architecture;
      DataShape changed = shape;
      change(options, architecture, changed);
      return study_bytes(options, architecture, changed, 1);
    };
    const std::int64_t tiny = bytes([](auto&, auto&, auto&) {});
    EXPECT_GT(tiny, 0);
    EXPECT_LT(tiny, 1 << 20);
    const std::int64_t huge[] = {
        bytes([](auto& o, auto&, auto&) { o.network.widths.back() = std::int64_t{1} << 24; }),
        bytes([](auto& o, auto& a, auto&) {
          o.network.widths.back() = std::int64_t{1} << 24;
          a.depth = 100000;
        }),
        bytes([](auto&, auto&, auto& s) { s.train_size = std::int64_t{1} << 32; }),
        bytes([](auto&, auto&, auto& s) { s.train_size = std::int64_t{1} << 40; }),
        bytes([](auto& o, auto&, auto&) {
          o.network.draws = 1'000'000;
          o.network.steps = kMost;
          o.points = 100'000;
        }),
    };
    for (const std::int64_t value : huge) {
      EXPECT_GT(value, tiny);
    }
    EXPECT_GT(huge[0], std::int64_t{1} << 48);
    EXPECT_EQ(huge[1], kMost);
    EXPECT_EQ(huge[3], kMost);
  }
  ExperimentOptions options = tiny_problem(Study::principal_components).options;
  options.network.steps = kMost;
  EXPECT_EQ(study_bytes(options, tiny_problem(options.study).architecture, shape, 1), kMost);
}

}  // namespace
}  // namespace ntkflow::test
