#include <cmath>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

#include "multiprecision.hpp"
#include "support/tolerance.hpp"

// The recursion at every depth, 1 to 20, of every activation, against the same in 50 digits or,
// without closed forms, in long double.
namespace ntkflow {
namespace {

using test::ActivationExample;
using test::Digits50;
using test::DualsKind;

constexpr std::int64_t kDimension = 784;
constexpr int kDepth = 20;

/// Quadrature across a kink takes milliseconds, so that few layers must do.
int depth_of(const ActivationExample& example) {
  return example.kind == DualsKind::numerical && !example.kinks.empty() ? 5 : kDepth;
}

/// Of sqrt(kernel(x, x) kernel(y, y)): 1e-13 in double, 1e-12 with numerical duals, 4e-6 in float.
template <class Real>
double promised(DualsKind kind) {
  if (sizeof(Real) == sizeof(float)) {
    return test::ulp_bound<float>(33.0, 1.0);
  }
  return test::ulp_bound<double>(kind == DualsKind::numerical ? 4500.0 : 450.0, 1.0);
}

/// A sample x_i with |x_i|^2 = row_norm, the sample y and their product, all exact in float.
struct Pair {
  double row_norm;
  double col_norm;
  double product;
};

using Pairs = std::vector<Pair>;

const Pairs kSphere = {
    {784.0, 784.0, -742.0}, {784.0, 784.0, -80.0}, {784.0, 784.0, 301.0}, {784.0, 784.0, 742.0}};
const Pairs kRaw = {{200.0, 512.0, -290.0}, {784.0, 512.0, 160.5}, {1300.0, 512.0, 600.0}};

/// Exact kernels of the pairs at depths 1, 2, ...
using Exact = std::vector<std::vector<test::ExactKernels>>;

Exact exact_kernels(const Architecture& architecture, const Pairs& pairs) {
  Exact exact;
  for (const auto& [xx, yy, xy] : pairs) {
    exact.push_back(test::exact_kernels_by_depth(architecture, kDimension, xx, yy, xy));
  }
  return exact;
}

/// The largest errors of both kernels over all depths.
struct Errors {
  double nngp = 0.0;
  double ntk = 0.0;
};

template <class Real>
Errors errors_of(const KernelEvaluator<Real>& evaluator, const Pairs& pairs, const Exact& exact,
                 double factor = 1.0) {
  const auto m = static_cast<std::int64_t>(pairs.size());
  Matrix<Real> products(m, 1);
  std::vector<double> row_norms;
  for (std::int64_t i = 0; i < m; ++i) {
    const Pair& pair = pairs[static_cast<std::size_t>(i)];
    products(i, 0) = static_cast<Real>(pair.product);
    row_norms.push_back(pair.row_norm);
  }
  const double col_norm = pairs.front().col_norm;
  std::vector<Matrix<Real>> memory;
  std::vector<MatrixView<Real>> nngp;
  std::vector<MatrixView<Real>> ntk;
  const auto depths = static_cast<std::size_t>(evaluator.architecture().depth);
  for (std::size_t l = 0; l < depths; ++l) {
    nngp.push_back(memory.emplace_back(m, 1).view());
    ntk.push_back(memory.emplace_back(m, 1).view());
  }
  evaluator.evaluate_depths(products.view(), evaluator.variances(row_norms), 0,
                            evaluator.variances(std::vector{col_norm}), 0, nngp, ntk);

  Errors worst;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    for (std::size_t l = 0; l < depths; ++l) {
      const auto& expected = exact[i][l];
      // Nearly parallel in a hidden layer, the rounding of the product would decide.
      if (expected.closest > 0.99) {
        break;
      }
      const auto error = [&](KernelType type, double value, const Digits50& kernel) {
        const int depth = static_cast<int>(l) + 1;
        const double scale = std::sqrt(evaluator.diagonal(row_norms[i], type, depth) *
                                       evaluator.diagonal(col_norm, type, depth));
        return static_cast<double>(abs(factor * value - kernel)) / scale;
      };
      worst.nngp =
          std::max(worst.nngp, error(KernelType::nngp, nngp[l].column(0)[i], expected.nngp));
      worst.ntk = std::max(worst.ntk, error(KernelType::ntk, ntk[l].column(0)[i], expected.ntk));
    }
  }
  return worst;
}

template <class Real>
void check_paths(const ActivationExample& example, const Architecture& architecture,
                 const Pairs& pairs, const Exact& exact, NormRange norms) {
  const bool has_ntk = why_no_ntk(example.spec).empty();
  const double bound = promised<Real>(example.kind);
  const KernelEvaluator<Real> evaluator(architecture, kDimension, norms);
  SCOPED_TRACE(example.label() + ", " + std::to_string(architecture.weight_variance) + " " +
               std::to_string(architecture.bias_variance) + ": " + evaluator.description());
  const Errors errors = errors_of(evaluator, pairs, exact);
  EXPECT_LE(errors.nngp, bound);
  if (has_ntk) {
    EXPECT_LE(errors.ntk, bound);
  }
  // Twin: kernels wrong by twice the bound are seen.
  const Errors wrong = errors_of(evaluator, pairs, exact, 1.0 + 20.0 * bound);
  EXPECT_GT(wrong.nngp, bound);
}

TEST(RecursionTest, HoldsAtEveryDepthOnTheSphere) {
  for (const ActivationExample& example : test::example_activations()) {
    for (const auto& [weight, bias] : example.networks) {
      const Architecture architecture{depth_of(example), example.spec, weight, bias,
                                      FirstLayer::normalised};
      const Exact exact = exact_kernels(architecture, kSphere);
      const NormRange norms{784.0, 784.0};
      check_paths<double>(example, architecture, kSphere, exact, norms);
      check_paths<float>(example, architecture, kSphere, exact, norms);
    }
  }
}

TEST(RecursionTest, HoldsAtEveryDepthOnRawData) {
  for (const ActivationExample& example : test::example_activations()) {
    for (const auto& [weight, bias] : example.networks) {
      const Architecture architecture{depth_of(example), example.spec, weight, bias,
                                      FirstLayer::normalised};
      const Exact exact = exact_kernels(architecture, kRaw);
      const NormRange norms{200.0, 1300.0};
      check_paths<double>(example, architecture, kRaw, exact, norms);
      check_paths<float>(example, architecture, kRaw, exact, norms);
    }
  }
}

}  // namespace
}  // namespace ntkflow
