#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/finite/network.hpp>

#include "reference_network.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

template <class Real>
class NetworkTest : public testing::Test {};
using Reals = testing::Types<float, double>;
TYPED_TEST_SUITE(NetworkTest, Reals);

/// How far f of two roundings may be apart, relative to the largest: errors of sums over n units,
/// through all layers.
template <class Real>
double forward_bound(const Network<Real>& network) {
  const std::int64_t most = std::max(network.shape().inputs, network.shape().width);
  return 8.0 * network.depth() * std::sqrt(static_cast<double>(most)) * kEps<Real>;
}

TYPED_TEST(NetworkTest, EvaluatesAsTheObviousLoop) {
  const NetworkShape shape{5, 19, 3};
  for (int depth = 1; depth <= 4; ++depth) {
    for (const char* activation : {"relu", "erf", "tanh", "identity"}) {
      for (const FirstLayer first_layer : {FirstLayer::normalised, FirstLayer::plain}) {
        const Network<TypeParam> network(architecture_of(depth, activation, first_layer), shape,
                                         {3, 7});
        // Few samples, and several blocks of them, the last one not full.
        for (const std::int64_t samples : {0, 1, 5, 1030}) {
          const auto x = normal_matrix<TypeParam>(shape.inputs, samples, 0);
          const Matrix<double> values = network.evaluate(x.view());
          ASSERT_EQ(values.rows(), samples);
          ASSERT_EQ(values.cols(), shape.outputs);
          if (samples > 0) {
            EXPECT_LE(relative_error(values, reference_values(network, x)), forward_bound(network))
                << activation << ", depth " << depth << ", samples " << samples;
          }
        }
      }
    }
  }
}

TYPED_TEST(NetworkTest, EvaluationSeesEveryParameter) {
  const NetworkShape shape{2, 4, 2};
  const auto x = normal_matrix<TypeParam>(shape.inputs, 6, 0);
  Network<TypeParam> network(architecture_of(3, "tanh"), shape, {3, 7});
  const Matrix<double> values = network.evaluate(x.view());
  for (TypeParam* parameter : all_parameters(network)) {
    const TypeParam kept = *parameter;
    *parameter += TypeParam{1};
    EXPECT_GT(relative_error(network.evaluate(x.view()), values), 10.0 * forward_bound(network));
    *parameter = kept;
  }
}

TYPED_TEST(NetworkTest, CountsItsParameters) {
  Network<TypeParam> network(architecture_of(4, "relu"), {5, 19, 3}, {0, 0});
  EXPECT_EQ(network.parameters(), 6 * 19 + 20 * 19 + 20 * 19 + 20 * 3);
  EXPECT_EQ(static_cast<std::int64_t>(all_parameters(network).size()), network.parameters());
  EXPECT_EQ(Network<TypeParam>(architecture_of(1, "relu"), {5, 19, 3}, {0, 0}).parameters(), 18);
}

TEST(NetworkParametersTest, AreAFunctionOfSeedAndMember) {
  const Architecture architecture = architecture_of(3, "relu");
  const NetworkShape shape{5, 40, 2};
  Network<double> network(architecture, shape, {3, 7});
  Network<double> again(architecture, shape, {3, 7});
  Network<float> rounded(architecture, shape, {3, 7});
  const auto parameters = all_parameters(network);
  const auto parameters_again = all_parameters(again);
  const auto rounded_parameters = all_parameters(rounded);
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    ASSERT_EQ(*parameters[p], *parameters_again[p]);
    ASSERT_EQ(static_cast<float>(*parameters[p]), *rounded_parameters[p]);
  }
}

TEST(NetworkParametersTest, AreIndependentNormalNumbers) {
  const Architecture architecture = architecture_of(3, "relu");
  const NetworkShape shape{40, 40, 40};  // so that all layers have the same size
  Network<double> network(architecture, shape, {3, 7});
  Network<double> member(architecture, shape, {3, 8});
  Network<double> seed(architecture, shape, {4, 7});
  std::vector<const Matrix<double>*> all;
  for (Network<double>* each : {&network, &member, &seed}) {
    for (int layer = 0; layer < 3; ++layer) {
      all.push_back(&each->weights(layer));
    }
  }
  for (const Matrix<double>* a : all) {
    double sum = 0.0;
    for (std::int64_t k = 0; k < a->size(); ++k) {
      sum += a->data()[k];
    }
    EXPECT_LE(std::abs(sum / static_cast<double>(a->size())),
              standard_error_bound(5.0, 1.0, a->size()));
    for (const Matrix<double>* b : all) {
      double product = 0.0;
      for (std::int64_t k = 0; k < a->size(); ++k) {
        product += a->data()[k] * b->data()[k];
      }
      // The square of a normal number has variance 2.
      const double bound = standard_error_bound(5.0, a == b ? std::sqrt(2.0) : 1.0, a->size());
      EXPECT_NEAR(product / static_cast<double>(a->size()), a == b ? 1.0 : 0.0, bound);
    }
  }
}

}  // namespace
}  // namespace ntkflow::test
