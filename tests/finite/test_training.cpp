#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

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
  constexpr std::int64_t kSteps = 12;
  const NetworkShape shape{3, 520, 2};
  const Architecture architecture = architecture_of(3, "tanh");
  const auto x = normal_matrix<TypeParam>(shape.inputs, 5, 0);
  const auto target = normal_matrix<double>(shape.outputs, 5, 1);
  const auto many_x = repeat_columns(x, 13);
  const auto many_targets = repeat_columns(target, 13);
  for (const Integrator integrator : {Integrator::descent, Integrator::flow}) {
    const TrainingOptions options{0.2, kSteps, integrator};
    Network<TypeParam> delayed(architecture, shape, {5, 0});
    Network<TypeParam> direct(architecture, shape, {5, 0});
    const Matrix<double> start = parameters_of(delayed);

    const auto delayed_outcome = train_quietly(delayed, x, transposed(target), options);
    const auto direct_outcome = train_quietly(direct, many_x, transposed(many_targets), options);

    // Rounding errors of each step, in what is summed over units.
    const double bound = 4.0 * kSteps * std::sqrt(520.0) * kEps<TypeParam>;
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

}  // namespace
}  // namespace ntkflow::test
