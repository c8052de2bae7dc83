#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "example_activations.hpp"
#include "support/tolerance.hpp"

// Random networks of finite width with two hidden layers, whose mean kernels must tend to the
// limiting ones.
//
// A network of width n has mean kernels that differ from the limit by O(1/n): beyond the first
// hidden layer its covariances fluctuate, and duals are not linear in them. Each member of the
// ensemble therefore contributes twice its own kernels less the mean of those of its two halves,
// networks of width n/2 made of the same weights. In the mean the terms in 1/n cancel, in one
// member most of the noise, and what remains of order 1/n^2 is far below a standard error.
namespace ntkflow {
namespace {

using test::ActivationExample;

constexpr std::size_t kDimension = 3;
constexpr std::size_t kWidth = 128;
constexpr std::size_t kInputs = 2;
constexpr std::int64_t kMembers = 1500;
constexpr std::int64_t kReluMembers = 8000;

/// |x|^2 / d = 1.13 and 0.65, correlation 0.42.
constexpr std::array<std::array<double, kDimension>, kInputs> kSamples = {
    {{1.5, -0.6, 0.9}, {0.2, 0.5, 1.29}}};

/// Both kernels of the pairs (x, x), (x, x'), (x', x').
struct Kernels {
  std::array<double, 3> nngp{};
  std::array<double, 3> ntk{};
};

/// All parameters, N(0, 1): b1, b2 and w3 [kWidth], w1 [kWidth x d] and w2 [kWidth x kWidth], both
/// column-major.
struct Parameters {
  std::vector<double> w1;
  std::vector<double> b1;
  std::vector<double> w2;
  std::vector<double> b2;
  std::vector<double> w3;

  explicit Parameters(std::uint64_t member) {
    const RandomStream random(71, member);
    std::uint64_t next = 0;
    const auto draw = [&](std::vector<double>& values, std::size_t count) {
      values.resize(count);
      for (double& value : values) {
        value = random.normal(next++);
      }
    };
    draw(w1, kWidth * kDimension);
    draw(b1, kWidth);
    draw(w2, kWidth * kWidth);
    draw(b2, kWidth);
    draw(w3, kWidth);
  }
};

/// One number per unit and input.
using Layer = std::array<std::array<double, kWidth>, kInputs>;

/// Sum over units of the product for each pair.
std::array<double, 3> pair_sums(const Layer& values, std::size_t width) {
  std::array<double, 3> sums{};
  for (std::size_t i = 0; i < width; ++i) {
    sums[0] += values[0][i] * values[0][i];
    sums[1] += values[0][i] * values[1][i];
    sums[2] += values[1][i] * values[1][i];
  }
  return sums;
}

/// The kernels of the network made of units first ... first + width - 1 of both hidden layers: the
/// mean of f(x) f(x') over the output's weights and bias, and the sum over all parameters of
/// df(x) df(x'), by backpropagation.
Kernels kernels_of(const ActivationExample& example, test::Variances variances,
                   const Parameters& parameters, std::size_t first, std::size_t width) {
  const double first_scale = std::sqrt(variances.weight / kDimension);
  const double scale = std::sqrt(variances.weight / static_cast<double>(width));
  const double bias = std::sqrt(variances.bias);
  const double* w2 = parameters.w2.data() + first + first * kWidth;
  Layer value1;
  Layer slope1;
  Layer sum2{};
  Layer value2;
  Layer delta2;
  Layer delta1;
  for (std::size_t j = 0; j < width; ++j) {
    for (std::size_t x = 0; x < kInputs; ++x) {
      double sum = 0.0;
      for (std::size_t k = 0; k < kDimension; ++k) {
        sum += parameters.w1[first + j + k * kWidth] * kSamples[x][k];
      }
      const auto jet = example.jet(first_scale * sum + bias * parameters.b1[first + j]);
      value1[x][j] = jet.value;
      slope1[x][j] = jet.slope;
    }
    for (std::size_t i = 0; i < width; ++i) {
      sum2[0][i] += w2[i + j * kWidth] * value1[0][j];
      sum2[1][i] += w2[i + j * kWidth] * value1[1][j];
    }
  }
  for (std::size_t x = 0; x < kInputs; ++x) {
    for (std::size_t i = 0; i < width; ++i) {
      const auto jet = example.jet(scale * sum2[x][i] + bias * parameters.b2[first + i]);
      value2[x][i] = jet.value;
      delta2[x][i] = scale * parameters.w3[first + i] * jet.slope;
    }
  }
  constexpr std::size_t kLanes = 4;  // sums side by side, which compilers turn into vectors
  for (std::size_t j = 0; j < width; ++j) {
    std::array<std::array<double, kLanes>, kInputs> sums{};
    for (std::size_t i = 0; i < width; i += kLanes) {
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        const double weight = w2[i + lane + j * kWidth];
        sums[0][lane] += weight * delta2[0][i + lane];
        sums[1][lane] += weight * delta2[1][i + lane];
      }
    }
    for (std::size_t x = 0; x < kInputs; ++x) {
      delta1[x][j] = scale * slope1[x][j] * (sums[x][0] + sums[x][1] + sums[x][2] + sums[x][3]);
    }
  }
  const auto values1 = pair_sums(value1, width);
  const auto values2 = pair_sums(value2, width);
  const auto deltas1 = pair_sums(delta1, width);
  const auto deltas2 = pair_sums(delta2, width);
  constexpr std::array<std::array<std::size_t, 2>, 3> kPairs = {{{0, 0}, {0, 1}, {1, 1}}};
  Kernels kernels;
  for (std::size_t p = 0; p < kPairs.size(); ++p) {
    double product = 0.0;
    for (std::size_t k = 0; k < kDimension; ++k) {
      product += kSamples[kPairs[p][0]][k] * kSamples[kPairs[p][1]][k];
    }
    kernels.nngp[p] = scale * scale * values2[p] + variances.bias;
    kernels.ntk[p] = kernels.nngp[p] + deltas2[p] * (scale * scale * values1[p] + variances.bias) +
                     deltas1[p] * (first_scale * first_scale * product + variances.bias);
  }
  return kernels;
}

/// Mean and deviation of a sequence of values.
class Statistics {
 public:
  void add(double value) {
    ++count_;
    const double step = value - mean_;
    mean_ += step / static_cast<double>(count_);
    squares_ += step * (value - mean_);
  }
  [[nodiscard]] double mean() const { return mean_; }
  [[nodiscard]] std::int64_t count() const { return count_; }
  [[nodiscard]] double deviation() const {
    return std::sqrt(squares_ / static_cast<double>(count_ - 1));
  }

 private:
  std::int64_t count_ = 0;
  double mean_ = 0.0;
  double squares_ = 0.0;
};

/// An activation with what an ensemble of its networks has shown.
struct Ensemble {
  ActivationExample example;
  test::Variances variances;
  std::array<Statistics, 3> nngp;
  std::array<Statistics, 3> ntk;

  void add(const Parameters& parameters) {
    constexpr std::size_t kHalf = kWidth / 2;
    const Kernels whole = kernels_of(example, variances, parameters, 0, kWidth);
    const Kernels left = kernels_of(example, variances, parameters, 0, kHalf);
    const Kernels right = kernels_of(example, variances, parameters, kHalf, kHalf);
    for (std::size_t p = 0; p < 3; ++p) {
      nngp[p].add(2.0 * whole.nngp[p] - 0.5 * (left.nngp[p] + right.nngp[p]));
      ntk[p].add(2.0 * whole.ntk[p] - 0.5 * (left.ntk[p] + right.ntk[p]));
    }
  }
};

/// Powers whose squares have so long tails that a mean over an ensemble does not settle: a rare
/// large value decides.
bool has_long_tails(const ActivationSpec& spec) {
  return std::any_of(spec.parameters.begin(), spec.parameters.end(), [](const auto& parameter) {
    return parameter.name == "degree" && parameter.values.front() > 3.0;
  });
}

/// The limiting kernels of the three pairs.
Kernels limit_of(const Ensemble& ensemble) {
  const KernelEvaluator<double> evaluator(
      Architecture{3, ensemble.example.spec, ensemble.variances.weight, ensemble.variances.bias,
                   FirstLayer::normalised},
      kDimension);
  Matrix<double> products(kInputs, kInputs);
  std::vector<double> norms;
  for (std::size_t j = 0; j < kInputs; ++j) {
    norms.push_back(accurate_dot(kSamples[j].data(), kSamples[j].data(), kDimension));
    for (std::size_t i = 0; i < kInputs; ++i) {
      products(static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)) =
          accurate_dot(kSamples[i].data(), kSamples[j].data(), kDimension);
    }
  }
  Matrix<double> nngp(kInputs, kInputs);
  Matrix<double> ntk(kInputs, kInputs);
  const auto variances = evaluator.variances(norms);
  evaluator.evaluate(products.view(), variances, 0, variances, 0, nngp.view(), ntk.view());
  return {{nngp(0, 0), nngp(0, 1), nngp(1, 1)}, {ntk(0, 0), ntk(0, 1), ntk(1, 1)}};
}

/// Whether a kernel is where the ensemble says, within 5 standard errors.
bool agrees(const Statistics& statistics, double kernel) {
  // Rounding is all there is where the activation is constant.
  return std::abs(statistics.mean() - kernel) <=
         test::standard_error_bound(5.0, statistics.deviation(), statistics.count()) +
             test::ulp_bound<double>(1024.0, kernel);
}

TEST(FiniteNetworksTest, HaveTheLimitingKernelsInTheMean) {
  std::vector<Ensemble> ensembles;
  std::set<std::string> names;
  for (const ActivationExample& example : test::example_activations()) {
    if (!has_long_tails(example.spec)) {
      names.insert(example.spec.name);
      ensembles.push_back({example, example.networks.back(), {}, {}});
    }
  }
  EXPECT_EQ(names.size(), activation_names().size());
  for (std::int64_t member = 0; member < kReluMembers; ++member) {
    const Parameters parameters(static_cast<std::uint64_t>(member));
    for (Ensemble& ensemble : ensembles) {
      if (member < kMembers || ensemble.example.spec.name == "relu") {
        ensemble.add(parameters);
      }
    }
  }
  for (const Ensemble& ensemble : ensembles) {
    const Kernels limit = limit_of(ensemble);
    const bool has_ntk = why_no_ntk(ensemble.example.spec).empty();
    bool sees_nngp = false;
    bool sees_ntk = false;
    for (std::size_t p = 0; p < 3; ++p) {
      const auto describe = [&](const Statistics& statistics, double kernel) {
        return ensemble.example.label() + ": " + std::to_string(kernel) + ", mean " +
               std::to_string(statistics.mean()) + ", standard error " +
               std::to_string(
                   test::standard_error_bound(1.0, statistics.deviation(), statistics.count()));
      };
      EXPECT_TRUE(agrees(ensemble.nngp[p], limit.nngp[p]))
          << describe(ensemble.nngp[p], limit.nngp[p]);
      sees_nngp = sees_nngp || !agrees(ensemble.nngp[p], 1.02 * limit.nngp[p]);
      if (has_ntk) {
        EXPECT_TRUE(agrees(ensemble.ntk[p], limit.ntk[p]))
            << describe(ensemble.ntk[p], limit.ntk[p]);
        sees_ntk = sees_ntk || !agrees(ensemble.ntk[p], 1.02 * limit.ntk[p]);
      }
    }
    if (ensemble.example.spec.name == "relu") {
      EXPECT_TRUE(sees_nngp);
      EXPECT_TRUE(sees_ntk);
    }
  }
}

}  // namespace
}  // namespace ntkflow
