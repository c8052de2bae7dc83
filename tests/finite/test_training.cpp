#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/finite/network.hpp>
#include <ntkflow/finite/tangent.hpp>
#include <ntkflow/finite/training.hpp>
#include <ntkflow/linalg/local_eigen.hpp>

#include "reference_network.hpp"
#include "support/stop_at_question.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr NetworkShape kShape{3, 7, 2};

/// Parameters as one column.
template <class Real>
Matrix<double> parameters_of(Network<Real>& network) {
  const std::vector<Real*> parameters = all_parameters(network);
  Matrix<double> values(static_cast<std::int64_t>(parameters.size()), 1);
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    values.data()[p] = static_cast<double>(*parameters[p]);
  }
  return values;
}

template <class Real>
TrainingOutcome train_quietly(Network<Real>& network, const Matrix<Real>& x,
                              const Matrix<double>& target, const TrainingOptions& options) {
  return train<Real>(network, x.view(), target, options, {}, silent_monitor());
}

/// theta -= rate grad, the gradient by finite differences of the cost.
void reference_step(Network<double>& network, const Matrix<double>& x, const Matrix<double>& target,
                    double rate) {
  const auto cost = [&] {
    Matrix<double> value(1, 1);
    value(0, 0) = reference_cost(reference_values(network, x), target);
    return value;
  };
  const std::vector<double*> parameters = all_parameters(network);
  std::vector<double> gradient;
  for (double* parameter : parameters) {
    gradient.push_back(central_difference(parameter, cost)(0, 0));
  }
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    *parameters[p] -= rate * gradient[p];
  }
}

TEST(TrainTest, FollowsTheGradientOfFiniteDifferences) {
  const Matrix<double> x = normal_matrix<double>(kShape.inputs, 5, 0);
  const Matrix<double> target = normal_matrix<double>(5, kShape.outputs, 1);
  std::vector<Architecture> architectures = {architecture_of(3, "tanh", FirstLayer::plain)};
  for (int depth = 1; depth <= 4; ++depth) {
    architectures.push_back(architecture_of(depth, "erf"));
    architectures.push_back(architecture_of(depth, "relu"));
  }
  for (const Architecture& architecture : architectures) {
    const std::string label =
        architecture.activation.name + ", depth " + std::to_string(architecture.depth);
    Network<double> network(architecture, kShape, {5, 0});
    Network<double> reference(architecture, kShape, {5, 0});
    const Matrix<double> start = parameters_of(network);

    std::int64_t visits = 0;
    const TrainingVisit visit = [&](std::int64_t step, const Matrix<double>& outputs) {
      EXPECT_EQ(step, visits++);
      EXPECT_LE(relative_error(outputs, reference_values(reference, x)), 1e-8) << label;
      if (step < 3) {
        reference_step(reference, x, target, 0.1);
      }
    };
    const auto outcome =
        train<double>(network, x.view(), target, {0.1, 3}, visit, silent_monitor());

    EXPECT_EQ(visits, 4);
    EXPECT_EQ(outcome.diverged_at, -1);
    ASSERT_EQ(outcome.loss.size(), 4U);
    EXPECT_NEAR(outcome.loss[3], reference_cost(reference_values(reference, x), target),
                1e-8 * outcome.loss[0]);
    const double moved = relative_error(parameters_of(network), start);
    const double error = relative_error(parameters_of(network), parameters_of(reference));
    EXPECT_GT(moved, 1e-3) << label;  // else the next line says nothing
    EXPECT_LE(error, 1e-8) << label;
  }
}

/// The samples of X and the targets Y `times` times, in which the cost is the same.
template <class Value>
Matrix<Value> repeat_columns(const Matrix<Value>& x, std::int64_t times) {
  Matrix<Value> repeated(x.rows(), x.cols() * times);
  for (std::int64_t j = 0; j < repeated.cols(); ++j) {
    std::copy_n(x.column(j % x.cols()), x.rows(), repeated.column(j));
  }
  return repeated;
}

template <class Value>
Matrix<Value> transposed(const Matrix<Value>& a) {
  Matrix<Value> result(a.cols(), a.rows());
  for (std::int64_t j = 0; j < a.cols(); ++j) {
    for (std::int64_t i = 0; i < a.rows(); ++i) {
      result(j, i) = a(i, j);
    }
  }
  return result;
}

template <class Real>
class TrainPrecisionTest : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(TrainPrecisionTest, Reals);

// Few samples leave updates waiting, the same samples many times over do not.
TYPED_TEST(TrainPrecisionTest, IsTheSameDelayedAndDirect) {
  constexpr std::int64_t kSteps = 10;  // more updates than can wait
  const NetworkShape shape{3, 1030, 2};
  const Architecture architecture = architecture_of(3, "tanh");
  const auto x = normal_matrix<TypeParam>(shape.inputs, 9, 0);
  const auto target = normal_matrix<double>(shape.outputs, 9, 1);
  const auto many_x = repeat_columns(x, 8);
  const auto many_targets = repeat_columns(target, 8);
  for (const Integrator integrator : {Integrator::descent, Integrator::flow}) {
    const TrainingOptions options{0.2, kSteps, integrator};
    Network<TypeParam> delayed(architecture, shape, {5, 0});
    Network<TypeParam> direct(architecture, shape, {5, 0});
    const Matrix<double> start = parameters_of(delayed);

    const auto delayed_outcome = train_quietly(delayed, x, transposed(target), options);
    const auto direct_outcome = train_quietly(direct, many_x, transposed(many_targets), options);

    // Rounding errors of each step, in what is summed over units.
    const double bound = 4.0 * kSteps * std::sqrt(1030.0) * kEps<TypeParam>;
    EXPECT_LE(relative_error(parameters_of(delayed), parameters_of(direct)), bound);
    EXPECT_GT(relative_error(parameters_of(delayed), start), 10.0 * bound);
    ASSERT_EQ(delayed_outcome.loss.size(), direct_outcome.loss.size());
    for (std::size_t step = 0; step <= kSteps; ++step) {
      EXPECT_NEAR(delayed_outcome.loss[step], direct_outcome.loss[step],
                  bound * direct_outcome.loss[0]);
    }
  }
}

/// f after time 2 by steps of this length.
Matrix<double> outputs_after(Integrator integrator, double step) {
  const Matrix<double> x = normal_matrix<double>(kShape.inputs, 5, 0);
  const Matrix<double> target = normal_matrix<double>(5, kShape.outputs, 1);
  Network<double> network(architecture_of(3, "tanh"), kShape, {5, 0});
  train_quietly(network, x, target, {step, std::llround(2.0 / step), integrator});
  return network.evaluate(x.view());
}

TEST(TrainTest, FlowIsOfSecondOrderInTheStep) {
  const Matrix<double> exact = outputs_after(Integrator::flow, 1.0 / 1024);
  const auto error = [&](Integrator integrator, double step) {
    return relative_error(outputs_after(integrator, step), exact);
  };
  const double coarse = error(Integrator::flow, 1.0 / 32);
  const double fine = error(Integrator::flow, 1.0 / 64);

  EXPECT_LT(coarse, 1e-2);
  EXPECT_NEAR(coarse / fine, 4.0, 0.4);
  // Descent is the same flow to first order.
  const double ratio =
      error(Integrator::descent, 1.0 / 128) / error(Integrator::descent, 1.0 / 256);
  EXPECT_NEAR(ratio, 2.0, 0.2);
}

// As the width grows the kernel stays where it was, and then f follows the linear equation df/dt =
// -Theta (f - y) / N.
TEST(TrainTest, FlowFollowsTheFrozenKernelWhereWide) {
  constexpr std::int64_t kSamples = 5;
  constexpr double kTime = 2.0;
  const auto x = normal_matrix<double>(3, kSamples, 0);
  const auto target = normal_matrix<double>(kSamples, 1, 1);
  const auto error_at = [&](std::int64_t width) {
    Network<double> network(architecture_of(3, "tanh"), {3, width, 1}, {5, 0});
    const Tangent<double> tangent(network, x.view());
    const auto [values, vectors] = diagonalise_local(tangent.kernel(tangent).view());
    Matrix<double> expected = target.clone();
    for (std::int64_t k = 0; k < kSamples; ++k) {
      double along = 0.0;
      for (std::int64_t i = 0; i < kSamples; ++i) {
        along += vectors(i, k) * (tangent.values()(i, 0) - target(i, 0));
      }
      const double decay = std::exp(-kTime * values[static_cast<std::size_t>(k)] / kSamples);
      for (std::int64_t i = 0; i < kSamples; ++i) {
        expected(i, 0) += decay * along * vectors(i, k);
      }
    }
    const auto outcome = train_quietly(network, x, target, {kTime / 40.0, 40, Integrator::flow});
    for (std::size_t step = 1; step < outcome.loss.size(); ++step) {
      EXPECT_LT(outcome.loss[step], outcome.loss[step - 1]);
    }
    EXPECT_LT(outcome.loss.back(), 0.5 * outcome.loss.front());
    return relative_error(network.evaluate(x.view()), expected);
  };
  const double narrow_error = error_at(16);
  const double wide_error = error_at(1024);

  EXPECT_LT(wide_error, 0.02);
  EXPECT_GT(narrow_error, 8.0 * wide_error);  // 64^(1/2) or better
}

TEST(TrainTest, IsTheSameInFloat) {
  const NetworkShape shape{3, 200, 2};
  const Architecture architecture = architecture_of(3, "erf");
  const auto x = normal_matrix<double>(shape.inputs, 20, 0);
  const auto rounded_x = normal_matrix<float>(shape.inputs, 20, 0);
  const auto target = normal_matrix<double>(20, shape.outputs, 1);
  const TrainingOptions options{0.3, 50};
  Network<double> network(architecture, shape, {5, 0});
  Network<float> rounded(architecture, shape, {5, 0});

  const auto outcome = train_quietly(network, x, target, options);
  const auto rounded_outcome = train_quietly(rounded, rounded_x, target, options);

  const double bound = 50.0 * std::sqrt(200.0) * kEps<float>;
  EXPECT_LE(relative_error(parameters_of(rounded), parameters_of(network)), bound);
  for (std::size_t step = 0; step <= 50; ++step) {
    EXPECT_NEAR(rounded_outcome.loss[step], outcome.loss[step], bound * outcome.loss[0]);
  }
  EXPECT_LT(outcome.loss[50], 0.5 * outcome.loss[0]);
}

template <class Values>
bool all_finite(const Values& values) {
  return std::all_of(values.begin(), values.end(), [](auto value) { return std::isfinite(value); });
}

// Above the stable rate the loss grows without bound: exponentially in a linear network, at once
// where the activation is a square.
TYPED_TEST(TrainPrecisionTest, StopsWhereItDiverges) {
  const auto x = normal_matrix<TypeParam>(kShape.inputs, 4, 0);
  const auto target = normal_matrix<double>(4, kShape.outputs, 1);
  const double zero_loss = reference_cost(Matrix<double>(4, kShape.outputs), target);
  const Architecture square{3, {"monomial", {{"degree", {2.0}}}}, 1.0, 0.1, FirstLayer::normalised};
  // Updates are direct in the narrow networks and wait in the wide one.
  const std::vector<std::pair<Architecture, std::int64_t>> examples = {
      {architecture_of(3, "identity"), 7}, {square, 7}, {architecture_of(3, "identity"), 1030}};
  for (const auto& [architecture, width] : examples) {
    for (const Integrator integrator : {Integrator::descent, Integrator::flow}) {
      for (const double rate : {10.0, 1e30}) {
        const NetworkShape shape{kShape.inputs, width, kShape.outputs};
        Network<TypeParam> network(architecture, shape, {5, 0});
        Network<TypeParam> safe(architecture, shape, {5, 0});

        const auto outcome = train_quietly(network, x, target, {rate, 1000, integrator});

        ASSERT_GE(outcome.diverged_at, 0) << rate;
        EXPECT_LT(outcome.diverged_at, 20);
        ASSERT_EQ(static_cast<std::int64_t>(outcome.loss.size()), outcome.diverged_at + 1);
        for (const double loss : outcome.loss) {
          EXPECT_LE(loss, kDivergence * std::max(outcome.loss[0], zero_loss));
        }
        // Ending before that step is no divergence, and has the same parameters.
        const auto safe_outcome =
            train_quietly(safe, x, target, {rate, outcome.diverged_at, integrator});
        EXPECT_EQ(safe_outcome.loss, outcome.loss);
        EXPECT_EQ(safe_outcome.diverged_at, -1);
        const Matrix<double> last = parameters_of(network);
        const Matrix<double> expected = parameters_of(safe);
        const double error = relative_error(last, expected);
        EXPECT_TRUE(std::isfinite(error));
        if (std::is_same_v<TypeParam, double> && integrator == Integrator::descent) {
          constexpr double kSmallRate = 1e-7;  // takes no network here far
          train_quietly(safe, x, target, {kSmallRate, 1, integrator});
          const double gradient =
              relative_error(parameters_of(safe), expected) * largest(expected) / kSmallRate;
          const double change = rate * gradient;
          EXPECT_LE(error * largest(expected),
                    4.0 * kEps<TypeParam> * std::max(change, largest(expected)));
        }
      }
    }
  }
}

TEST(TrainTest, StopsAtOnceWhereTheNetworkOverflows) {
  Matrix<float> x(kShape.inputs, 1);
  std::fill_n(x.data(), x.size(), 1e30F);
  const auto target = normal_matrix<double>(1, kShape.outputs, 1);
  Network<float> network({3, {"monomial", {{"degree", {4.0}}}}, 1.0, 0.1}, kShape, {5, 0});
  const Matrix<double> start = parameters_of(network);

  const auto outcome = train_quietly(network, x, target, {0.1, 3});

  EXPECT_EQ(outcome.diverged_at, 0);
  EXPECT_TRUE(outcome.loss.empty());
  EXPECT_EQ(relative_error(parameters_of(network), start), 0.0);
}

TEST(TrainTest, EndsWhenAskedTo) {
  const auto x = normal_matrix<double>(kShape.inputs, 4, 0);
  const auto target = normal_matrix<double>(4, kShape.outputs, 1);
  Network<double> network(architecture_of(3, "relu"), kShape, {5, 0});
  StopAtQuestion monitor(2);
  std::int64_t visits = 0;
  const auto count = [&](std::int64_t /*step*/, const Matrix<double>& /*outputs*/) { ++visits; };
  EXPECT_THROW(train<double>(network, x.view(), target, {0.1, 100}, count, monitor),
               InterruptedError);
  EXPECT_EQ(visits, 3);
}

/// Bytes that `work` adds to the resident memory of this process at its peak, or a negative number
/// where the system does not say.
template <class Work>
double peak_bytes(Work&& work) {
  malloc_trim(0);  // memory that was freed, but kept, would be used again unseen
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak begins anew
  const auto peak = [] {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
      if (double kilobytes = 0.0; word == "VmHWM:" && status >> kilobytes) {
        return 1024.0 * kilobytes;
      }
    }
    return -1.0;
  };
  const double before = peak();
  work();
  return peak() - before;
}

TEST(TrainingBytesTest, AreWhatIsUsed) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the address sanitizer keeps freed memory";
#endif
  constexpr std::int64_t kSamples = 1200;
  constexpr std::int64_t kTangentSamples = 600;
  const NetworkShape shape{3, 700, 2};
  const Architecture architecture = architecture_of(4, "relu");
  const auto x = normal_matrix<float>(shape.inputs, kSamples, 0);
  const Matrix<double> target(kSamples, shape.outputs);
  const auto training = [&](Integrator integrator) {
    Network<float> network(architecture, shape, {5, 0});
    train_quietly(network, x, target, {0.1, 2, integrator});
  };
  const auto tangents = [&] {
    const Network<float> network(architecture, shape, {5, 0});
    const Tangent<float> tangent(network, x.view().block(0, 0, shape.inputs, kTangentSamples));
    (void)tangent.kernel(tangent);
  };
  const auto stated = [&](std::int64_t samples, std::int64_t tangent_samples,
                          Integrator integrator) {
    return static_cast<double>(
        training_bytes(architecture, shape, samples, tangent_samples,
                       shape.outputs * tangent_samples * shape.outputs * tangent_samples,
                       sizeof(float), integrator));
  };
  training(Integrator::flow);  // BLAS takes memory of its own at its first product

  const double descent_bytes = peak_bytes([&] { training(Integrator::descent); });
  const double flow_bytes = peak_bytes([&] { training(Integrator::flow); });
  const double tangent_bytes = peak_bytes(tangents);

  EXPECT_NEAR(descent_bytes / stated(kSamples, 0, Integrator::descent), 1.0, 0.1);
  EXPECT_NEAR(flow_bytes / stated(kSamples, 0, Integrator::flow), 1.0, 0.1);
  EXPECT_NEAR(tangent_bytes / stated(0, kTangentSamples, Integrator::descent), 1.0, 0.1);
  EXPECT_GT(std::abs(flow_bytes / stated(kSamples, 0, Integrator::descent) - 1.0), 0.1);
}

}  // namespace
}  // namespace ntkflow::test
