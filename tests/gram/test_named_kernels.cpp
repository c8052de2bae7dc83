#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <sstream>
#include <string>
#include <vector>

#include <ntkflow/base/random.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/kernel/named_kernel.hpp>

#include "support/kernel_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/tolerance.hpp"

// Matrices of named kernels between samples, against the formulas in long double.
namespace ntkflow {
namespace {

constexpr std::int64_t kDimension = 20;
constexpr std::int64_t kSize = 30;

using Wide = long double;
using Sample = std::vector<Wide>;

/// Samples whose norms differ, the first of them 0; from the 20th on copies of the second that
/// stand at smaller and smaller distances from it, exact copies, multiples and opposites.
double raw_sample(std::int64_t position, std::int64_t input) {
  const RandomStream random(3, 0);
  const auto i = static_cast<std::uint64_t>(position);
  const auto k = static_cast<std::uint64_t>(input);
  const double original = random.normal(1, k);
  const double step = random.normal(i, k);
  switch (position) {
    case 0:
      return 0.0;
    case 20:
      return original + 1e-3 * step;
    case 21:
      return original + 1e-6 * step;
    case 22:
      return original + 1e-9 * step;
    case 23:
      return original + 1e-12 * step;
    case 24:
      return original;
    case 25:
      return 2.0 * original;
    case 26:
      return -original;
    case 27:
      return -original + 1e-9 * step;
    default:
      return random.normal(i, k) * (0.25 + 2.0 * random.uniform(i, 1000));
  }
}

/// The same at |x|^2 = d, with another sample in place of 0.
double sphere_sample(std::int64_t position, std::int64_t input) {
  const std::int64_t at = position == 0 ? kSize : position;
  Wide sum = 0.0L;
  for (std::int64_t k = 0; k < kDimension; ++k) {
    sum += static_cast<Wide>(raw_sample(at, k)) * raw_sample(at, k);
  }
  return static_cast<double>(raw_sample(at, input) * std::sqrt(kDimension / sum));
}

Wide dot(const Sample& x, const Sample& y) {
  Wide sum = 0.0L;
  for (std::size_t k = 0; k < x.size(); ++k) {
    sum += x[k] * y[k];
  }
  return sum;
}

/// |x - y| / sqrt(d), from the differences.
Wide distance(const Sample& x, const Sample& y) {
  Wide sum = 0.0L;
  for (std::size_t k = 0; k < x.size(); ++k) {
    sum += (x[k] - y[k]) * (x[k] - y[k]);
  }
  return std::sqrt(sum / kDimension);
}

/// The angle (Kahan).
Wide angle(const Sample& x, const Sample& y) {
  const Wide x_norm = std::sqrt(dot(x, x));
  const Wide y_norm = std::sqrt(dot(y, y));
  Wide difference = 0.0L;
  Wide sum = 0.0L;
  for (std::size_t k = 0; k < x.size(); ++k) {
    const Wide a = x[k] * y_norm;
    const Wide b = y[k] * x_norm;
    difference += (a - b) * (a - b);
    sum += (a + b) * (a + b);
  }
  return 2.0L * std::atan2(std::sqrt(difference), std::sqrt(sum));
}

/// Cho, Saul (2009), eqs. 3 to 6, with |x| = |y| = 1.
Wide arc_cosine(int order, Wide theta) {
  const Wide pi = std::numbers::pi_v<Wide>;
  const Wide sine = std::sin(theta);
  const Wide cosine = std::cos(theta);
  switch (order) {
    case 0:
      return (pi - theta) / pi;
    case 1:
      return (sine + (pi - theta) * cosine) / pi;
    default:
      return (3.0L * sine * cosine + (pi - theta) * (1.0L + 2.0L * cosine * cosine)) / pi;
  }
}

/// A kernel and its formula.
struct Example {
  NamedKernel kernel;
  std::function<Wide(const Sample&, const Sample&)> exact;
};

Example arccos_example(int order, int depth) {
  return {{"arccos", {static_cast<double>(order), static_cast<double>(depth)}},
          [order, depth](const Sample& x, const Sample& y) {
            const Wide norm = std::sqrt(dot(x, x) * dot(y, y));
            if (norm == 0.0L) {
              return 0.0L;
            }
            Wide scale = norm;
            Wide theta = angle(x, y);
            Wide value = 0.0L;
            for (int layer = 1; layer < depth; ++layer) {
              const Wide end = arc_cosine(order, 0.0L);
              const Wide cosine = arc_cosine(order, theta) / end;
              value = std::pow(scale, order) * arc_cosine(order, theta);
              scale = std::pow(scale, order) * end;
              theta = std::acos(std::min(cosine, 1.0L));
            }
            return value;
          }};
}

std::vector<Example> examples() {
  std::vector<Example> all = {
      {{"linear", {}}, [](const Sample& x, const Sample& y) { return dot(x, y) / kDimension; }}};
  for (const auto& [offset, degree] : {std::pair{1.0, 2}, {0.0, 3}, {0.5, 10}}) {
    all.push_back({{"polynomial", {offset, static_cast<double>(degree)}},
                   [offset = offset, degree = degree](const Sample& x, const Sample& y) {
                     return std::pow(offset + dot(x, y) / kDimension, static_cast<Wide>(degree));
                   }});
  }
  for (const double length : {0.5, 1.0, 4.0}) {
    all.push_back({{"rbf", {length}}, [length](const Sample& x, const Sample& y) {
                     const Wide r = distance(x, y) / length;
                     return std::exp(-r * r / 2.0L);
                   }});
    all.push_back({{"laplace", {length}}, [length](const Sample& x, const Sample& y) {
                     return std::exp(-distance(x, y) / length);
                   }});
  }
  for (int order = 0; order <= 2; ++order) {
    all.push_back(arccos_example(order, 2));
  }
  return all;
}

std::string label(const NamedKernel& kernel) {
  std::ostringstream text;
  text << kernel.name;
  for (const double parameter : kernel.parameters) {
    text << ' ' << parameter;
  }
  return text.str();
}

/// The samples as Real holds them.
template <class Real>
std::vector<Sample> samples_of(const test::SampleFunction& sample) {
  std::vector<Sample> all(kSize);
  for (std::int64_t i = 0; i < kSize; ++i) {
    for (std::int64_t k = 0; k < kDimension; ++k) {
      all[static_cast<std::size_t>(i)].push_back(static_cast<Real>(sample(i, k)));
    }
  }
  return all;
}

/// The matrix of a kernel on one way of evaluation. Collective over all ranks.
template <class Real>
DistMatrix<Real> matrix_of(const NamedKernel& kernel, const test::SampleFunction& sample,
                           EvaluationPath path) {
  const auto world = Communicator::world();
  const auto grid = ProcessGrid::create(world, {1, world.size()});
  constexpr std::int64_t kBlock = 7;
  const BlockCyclic rows(kSize, kBlock, grid->shape().rows, grid->row());
  const BlockCyclic cols(kSize, kBlock, grid->shape().cols, grid->col());
  auto row_x = test::samples_at<Real>(rows, kDimension, sample);  // all, on a flat grid
  const NormRange norms = norm_range<Real>(std::as_const(row_x).view());
  const auto evaluator = std::make_shared<const KernelEvaluator<Real>>(architecture_of(kernel),
                                                                       kDimension, norms, path);
  const auto row_samples =
      std::make_shared<const KernelSamples<Real>>(*evaluator, std::move(row_x));
  const auto col_samples = std::make_shared<const KernelSamples<Real>>(
      *evaluator, test::samples_at<Real>(cols, kDimension, sample));
  return KernelMatrix<Real>(grid, evaluator, KernelType::nngp, rows, row_samples, cols, col_samples)
      .assemble_symmetric(Triangle::both, silent_monitor());
}

/// What errors are relative to: sqrt(k(x, x) k(y, y)), or k(x, y) itself.
enum class Scale { bound, entry };

/// Largest error over all ranks.
template <class Real>
double worst_error(const Example& example, const DistMatrix<Real>& k,
                   const std::vector<Sample>& samples, Scale scale = Scale::bound) {
  double worst = 0.0;
  for (std::int64_t j = 0; j < k.local_cols(); ++j) {
    for (std::int64_t i = 0; i < k.local_rows(); ++i) {
      const Sample& x = samples[static_cast<std::size_t>(k.row_map().to_global({i}).value)];
      const Sample& y = samples[static_cast<std::size_t>(k.col_map().to_global({j}).value)];
      const Wide bound = scale == Scale::entry
                             ? example.exact(x, y)
                             : std::sqrt(example.exact(x, x) * example.exact(y, y));
      const Wide error = std::abs(static_cast<Wide>(k.local()(i, j)) - example.exact(x, y));
      worst = std::max(worst, bound > 0.0L   ? static_cast<double>(error / bound)
                              : error > 0.0L ? HUGE_VAL
                                             : 0.0);
    }
  }
  return Communicator::world().max(worst);
}

/// The ways in which samples can be evaluated.
std::vector<EvaluationPath> paths_of(const NamedKernel& kernel, bool is_sphere) {
  std::vector<EvaluationPath> paths = {EvaluationPath::automatic, EvaluationPath::layered,
                                       EvaluationPath::reference};
  if (kernel.name != "linear" && (is_sphere || kernel.name == "arccos")) {
    paths.push_back(EvaluationPath::fused);
  }
  return paths;
}

template <class Real>
class NamedKernelsTest : public testing::Test {
 protected:
  /// 1e-13 in double, 4e-6 in float: what the kernels promise.
  const double promised = test::ulp_bound<Real>(sizeof(Real) == sizeof(float) ? 33.0 : 450.0, 1.0);
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(NamedKernelsTest, Precisions);

TYPED_TEST(NamedKernelsTest, AreTheirFormulas) {
  using Real = TypeParam;
  for (const bool is_sphere : {true, false}) {
    const test::SampleFunction sample = is_sphere ? sphere_sample : raw_sample;
    const auto samples = samples_of<Real>(sample);
    for (const Example& example : examples()) {
      for (const EvaluationPath path : paths_of(example.kernel, is_sphere)) {
        SCOPED_TRACE(label(example.kernel) + " " + to_string(path) +
                     (is_sphere ? " sphere" : " raw"));
        const auto k = matrix_of<Real>(example.kernel, sample, path);
        EXPECT_LE(worst_error(example, k, samples), this->promised);
        Example wrong = example;
        wrong.exact = [&](const Sample& x, const Sample& y) {
          return example.exact(x, y) * (1.0L + 4.0L * this->promised);
        };
        EXPECT_GT(worst_error(wrong, k, samples), this->promised);
      }
    }
  }
}

TEST(ExponentialTest, KeepsTheDigitsOfSmallEntries) {
  for (const bool is_sphere : {true, false}) {
    const test::SampleFunction sample = is_sphere ? sphere_sample : raw_sample;
    for (const Example& example : examples()) {
      if (example.kernel.name != "rbf" && example.kernel.name != "laplace") {
        continue;
      }
      for (const EvaluationPath path : {EvaluationPath::layered, EvaluationPath::reference}) {
        const auto k = matrix_of<double>(example.kernel, sample, path);
        EXPECT_LE(worst_error(example, k, samples_of<double>(sample), Scale::entry),
                  test::ulp_bound<double>(450.0, 1.0))
            << label(example.kernel) << ' ' << to_string(path);
      }
    }
  }
}

/// From the products alone, which lose half of the digits of a small distance.
TEST(LaplaceTest, NeedsTheSamplesOfNearDuplicates) {
  Example products{{"laplace", {1.0}}, {}};
  products.exact = [](const Sample& x, const Sample& y) {
    const auto square = static_cast<double>(dot(x, x)) + static_cast<double>(dot(y, y)) -
                        2.0 * static_cast<double>(dot(x, y));
    return static_cast<Wide>(std::exp(-std::sqrt(std::max(square, 0.0) / kDimension)));
  };
  const auto k = matrix_of<double>(products.kernel, sphere_sample, EvaluationPath::automatic);
  EXPECT_GT(worst_error(products, k, samples_of<double>(sphere_sample)),
            std::pow(test::kEps<double>, 0.75));
}

/// The order in which a Cholesky factorisation of the leading n samples breaks down, or 0.
std::int64_t first_bad_pivot(const std::function<Wide(const Sample&, const Sample&)>& kernel,
                             const std::vector<Sample>& samples, std::size_t n) {
  std::vector<std::vector<Wide>> l(n, std::vector<Wide>(n, 0.0L));
  for (std::size_t j = 0; j < n; ++j) {
    for (std::size_t i = j; i < n; ++i) {
      Wide sum = kernel(samples[i + 1], samples[j + 1]);
      for (std::size_t k = 0; k < j; ++k) {
        sum -= l[i][k] * l[j][k];
      }
      if (i == j && sum <= 1e-12L * kernel(samples[i + 1], samples[i + 1])) {
        return static_cast<std::int64_t>(j) + 1;
      }
      l[i][j] = i == j ? std::sqrt(sum) : sum / l[j][j];
    }
  }
  return 0;
}

TEST(PositiveDefiniteTest, HoldsForDifferentSamples) {
  constexpr std::size_t kFew = 12;
  const auto samples = samples_of<double>(sphere_sample);
  for (const Example& example : examples()) {
    if (Communicator::world().size() > 1) {
      return;  // of one rank's matrix
    }
    const auto k = matrix_of<double>(example.kernel, sphere_sample, EvaluationPath::automatic);
    const auto entry = [&](const Sample& x, const Sample& y) {
      return static_cast<Wide>(k.local()(&x - samples.data(), &y - samples.data()));
    };
    EXPECT_EQ(first_bad_pivot(entry, samples, kFew), 0) << label(example.kernel);
    EXPECT_EQ(
        first_bad_pivot([&](const auto& x, const auto& y) { return -entry(x, y); }, samples, kFew),
        1);
  }
  // A linear kernel has the rank of the inputs.
  EXPECT_EQ(
      first_bad_pivot([](const Sample& x, const Sample& y) { return dot(x, y); }, samples, 24),
      kDimension + 1);
}

}  // namespace
}  // namespace ntkflow
