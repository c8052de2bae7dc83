// Networks linearised around their start against the Gaussian law of their limit, and networks that
// are really trained against their own linearisation. Lee et al. (2019), sections 2.2 and 2.4.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <numeric>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/dynamics/gaussian_flow.hpp>
#include <ntkflow/dynamics/local_flow.hpp>
#include <ntkflow/finite/ensemble.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/finite/tangent.hpp>
#include <ntkflow/finite/training.hpp>
#include <ntkflow/linalg/eigen.hpp>
#include <ntkflow/linalg/local.hpp>

#include "limiting_kernel.hpp"
#include "statistics.hpp"
#include "support/collect_members.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::int64_t kTrain = 4;
constexpr std::int64_t kTest = 3;

/// Points of the unit circle at these angles.
Matrix<double> on_circle(const std::vector<double>& angles) {
  Matrix<double> x(2, std::ssize(angles));
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    x(0, i) = std::cos(angles[static_cast<std::size_t>(i)]);
    x(1, i) = std::sin(angles[static_cast<std::size_t>(i)]);
  }
  return x;
}

struct Setting {
  Architecture architecture;
  Matrix<double> x = on_circle({0.3, 1.7, 3.4, 5.0});
  Matrix<double> test_x = on_circle({1.0, 2.5, 4.4});
  Matrix<double> y = Matrix<double>(kTrain, 1);

  explicit Setting(const char* activation)
      : architecture{3, {activation, {}}, 1.5, 0.1, FirstLayer::normalised} {
    for (std::int64_t i = 0; i < kTrain; ++i) {
      y(i, 0) = std::sin(2.0 * static_cast<double>(i)) + 0.5;
    }
  }
};

/// f_t at test points of the network linearised around its parameters, time after time.
std::vector<double> linearised(const Network<double>& network, const Setting& setting,
                               const std::vector<double>& times) {
  const Tangent<double> train(network, setting.x.view());
  const Tangent<double> test(network, setting.test_x.view());
  const Matrix<double> kernel = train.kernel(train);
  const Matrix<double> cross = train.kernel(test);
  const LocalFlow flow(kernel.view(), kTrain);
  Matrix<double> residual = setting.y.clone();
  for (std::int64_t i = 0; i < kTrain; ++i) {
    residual(i, 0) -= train.values()(i, 0);
  }
  std::vector<double> f;
  for (const double t : times) {
    const Matrix<double> coefficients = flow.flow(residual, t);
    for (std::int64_t j = 0; j < setting.test_x.cols(); ++j) {
      double value = test.values()(j, 0);
      for (std::int64_t i = 0; i < kTrain; ++i) {
        value += cross(i, j) * coefficients(i, 0);
      }
      f.push_back(value);
    }
  }
  return f;
}

GaussianFlow limiting_flow(const Setting& setting, const LimitingKernel& limit) {
  return {std::get<EigenSystem<double>>(diagonalise(limit.of(KernelType::ntk, setting.x))),
          limit.of(KernelType::nngp, setting.x), 0.0, setting.y};
}

class LinearisedTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();
};

// 4,096 members of width n: a mean has standard error sd / 64, a variance of relative sqrt(2 /
// 4095) = 0.022 where f_t is Gaussian; taken from the sample's fourth moment. Both are off by O(1 /
// n) for the width's sake, some 1/256 of the spread: below one standard error.
TEST_F(LinearisedTest, EnsemblesHaveTheMeanAndVarianceOfTheLaw) {
  constexpr std::int64_t kMembers = 4096;
  constexpr std::int64_t kWidth = 256;
  for (const char* activation : {"relu", "erf"}) {
    const Setting setting(activation);
    const LimitingKernel limit(setting.architecture);
    const Matrix<double> kernel = whole(limit.of(KernelType::ntk, setting.x));
    const double lambda = LocalFlow(kernel.view(), kTrain).lambda_max();
    const std::vector<double> times{0.5 / lambda, 5.0 / lambda, kInfinity};
    const auto size = std::ssize(times) * kTest;
    const Matrix<double> f = collect_members(world, kMembers, size, [&](std::int64_t member) {
      const Network<double> network(setting.architecture, {2, kWidth, 1},
                                    {77, static_cast<std::uint64_t>(member)});
      return linearised(network, setting, times);
    });

    const GaussianFlow flow = limiting_flow(setting, limit);
    const auto block = flow.block(0, limit.between(KernelType::ntk, setting.x, setting.test_x),
                                  limit.between(KernelType::nngp, setting.x, setting.test_x),
                                  limit.diagonal(KernelType::nngp, setting.test_x));
    const GaussianLaw prior = flow.law(block, 0.0);
    double worst_mean = 0.0;
    double worst_variance = 0.0;
    bool sees_the_prior = false;
    bool sees_other_times = false;
    for (std::size_t t = 0; t < times.size(); ++t) {
      const GaussianLaw law = flow.law(block, times[t]);
      const GaussianLaw other = flow.law(block, 1.3 * std::min(times[t], 100.0 / lambda));
      for (std::int64_t point = 0; point < kTest; ++point) {
        const auto index = static_cast<std::size_t>(point);
        double mean = 0.0;
        for (std::int64_t k = 0; k < kMembers; ++k) {
          mean += f(static_cast<std::int64_t>(t) * kTest + point, k) / kMembers;
        }
        double second = 0.0;
        double fourth = 0.0;
        for (std::int64_t k = 0; k < kMembers; ++k) {
          const double square =
              std::pow(f(static_cast<std::int64_t>(t) * kTest + point, k) - mean, 2);
          second += square / (kMembers - 1);
          fourth += square * square / kMembers;
        }
        const double variance = law.variance[index];
        ASSERT_GT(variance, 0.0);
        const double mean_error = standard_error_bound(1.0, std::sqrt(variance), kMembers);
        const double variance_error =
            standard_error_bound(1.0, std::sqrt(fourth - second * second), kMembers);
        const double off_mean = std::abs(mean - law.mean(point, 0)) / mean_error;
        const double off_variance = std::abs(second - variance) / variance_error;
        EXPECT_LE(off_mean, 5.0) << activation << " time " << t << " point " << point;
        EXPECT_LE(off_variance, 5.0) << activation << " time " << t << " point " << point;
        worst_mean = std::max(worst_mean, off_mean);
        worst_variance = std::max(worst_variance, off_variance);
        // The ensemble tells these laws from others.
        sees_the_prior =
            sees_the_prior || std::abs(second - prior.variance[index]) > 5.0 * variance_error;
        sees_other_times =
            sees_other_times || std::abs(mean - other.mean(point, 0)) > 5.0 * mean_error;
      }
    }
    EXPECT_TRUE(sees_the_prior);
    EXPECT_TRUE(sees_other_times);
    if (world.rank() == 0) {
      std::printf("%s: largest distance in standard errors: mean %.2f, variance %.2f\n", activation,
                  worst_mean, worst_variance);
    }
  }
}

// Training moves the kernel of a smooth network by O(1 / n), and so the function.
TEST_F(LinearisedTest, TrainedNetworksApproachTheirLinearisation) {
  constexpr std::int64_t kMembers = 16;
  const std::vector<std::int64_t> widths{64, 256, 1024};
  const Setting setting("erf");
  const Matrix<double> kernel =
      whole(LimitingKernel(setting.architecture).of(KernelType::ntk, setting.x));
  const double lambda = LocalFlow(kernel.view(), kTrain).lambda_max();
  constexpr std::int64_t kSteps = 100;
  const double step = 0.05 / lambda;
  std::vector<double> logs;
  std::vector<double> gaps;
  for (const std::int64_t width : widths) {
    const Matrix<double> errors =
        collect_members(world, kMembers, 2 * kTest, [&](std::int64_t member) {
          Network<double> network(setting.architecture, {2, width, 1},
                                  {78, static_cast<std::uint64_t>(member)});
          const std::vector<double> expected =
              linearised(network, setting, {step * static_cast<double>(kSteps)});
          const Matrix<double> start = network.evaluate(setting.test_x.view());
          train<double>(network, setting.x.view(), setting.y, {step, kSteps, Integrator::flow}, {},
                        silent_monitor());
          const Matrix<double> end = network.evaluate(setting.test_x.view());
          std::vector<double> error;
          for (std::size_t i = 0; i < kTest; ++i) {
            error.push_back(end.data()[i] - expected[i]);
          }
          for (std::size_t i = 0; i < kTest; ++i) {
            error.push_back(end.data()[i] - start.data()[i]);
          }
          return error;
        });
    double gap = 0.0;
    double moved = 0.0;
    for (std::int64_t k = 0; k < kMembers; ++k) {
      for (std::int64_t i = 0; i < kTest; ++i) {
        gap += errors(i, k) * errors(i, k);
        moved += errors(kTest + i, k) * errors(kTest + i, k);
      }
    }
    logs.push_back(std::log2(static_cast<double>(width)));
    gaps.push_back(std::sqrt(gap / moved));
  }
  EXPECT_LT(gaps[1], 0.5 * gaps[0]);
  EXPECT_LT(gaps[2], 0.5 * gaps[1]);
  EXPECT_LT(gaps[2], 0.01);
  const auto line = fit_power(logs, gaps);
  ASSERT_TRUE(line);
  EXPECT_NEAR(line->slope, -1.0, 0.25);
  if (world.rank() == 0) {
    std::printf("gap over what training moved: %.4f, %.4f, %.4f; power of the width %.3f\n",
                gaps[0], gaps[1], gaps[2], line->slope);
  }
}

}  // namespace
}  // namespace ntkflow::test
