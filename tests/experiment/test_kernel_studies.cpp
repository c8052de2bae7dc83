// Studies of kernels whose matrices all ranks share, in miniature, against plain computations.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/base/random.hpp>
#include <ntkflow/experiment/study.hpp>
#include <ntkflow/kernel/dual_reference.hpp>

#include "cube_samples.hpp"
#include "label_noise.hpp"
#include "studies.hpp"
#include "study_problem.hpp"
#include "support/mpi_test.hpp"
#include "support/stop_at_question.hpp"
#include "support/tolerance.hpp"

namespace ntkflow::test {
namespace {

constexpr std::int64_t kInputs = 5;
constexpr std::int64_t kTrain = 37;  // several blocks of 16, the last one not full
constexpr std::int64_t kTest = 23;
constexpr std::int64_t kClasses = 3;

/// Samples around one centre for each class, with targets 0.9 and -0.1.
StudyProblem classes_problem(Study study) {
  StudyProblem problem;
  problem.options.study = study;
  problem.architecture = {3, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised};
  const Matrix<double> centre = normal_samples(kInputs, kClasses, 9);
  const auto fill = [&](std::int64_t count, std::uint64_t stream, Matrix<double>& x,
                        Matrix<double>& y, std::vector<std::int64_t>& label) {
    x = normal_samples(kInputs, count, stream);
    y = Matrix<double>(count, kClasses);
    for (std::int64_t i = 0; i < count; ++i) {
      label.push_back((3 * i + i / 2) % kClasses);
      for (std::int64_t j = 0; j < kInputs; ++j) {
        x(j, i) = 0.8 * x(j, i) + centre(j, label.back());
      }
      for (std::int64_t c = 0; c < kClasses; ++c) {
        y(i, c) = c == label.back() ? 0.9 : -0.1;
      }
    }
  };
  fill(kTrain, 0, problem.x, problem.y, problem.label);
  fill(kTest, 1, problem.test_x, problem.test_y, problem.test_label);
  return problem;
}

StudyProblem depth_problem() {
  StudyProblem problem = classes_problem(Study::depth);
  problem.options.kernels = {{3, {"relu", {}}, 2.0, 0.01, FirstLayer::normalised},
                             {3, {"erf", {}}, 1.5, 0.1, FirstLayer::normalised}};
  problem.options.depth = {.depths = 3, .ridge = 0.01};
  return problem;
}

StudyProblem rate_problem() {
  StudyProblem problem = classes_problem(Study::learning_rate);
  problem.options.learning_rate = {.rates = {0.7, 1.9, 2.2}, .steps = 60};
  return problem;
}

StudyProblem noise_problem() {
  StudyProblem problem = classes_problem(Study::early_stopping);
  problem.options.early_stopping = {.label_noise = 0.3, .seed = 4};
  return problem;
}

StudyProblem cube_problem() {
  StudyProblem problem;
  problem.options.study = Study::sample_complexity;
  problem.options.sample_complexity = {
      .dimensions = {6, 8}, .ratios = {0.25, 0.8}, .test_size = 30, .draws = 4, .seed = 3};
  problem.architecture = {2, {"relu", {}}, 2.0, 0.1, FirstLayer::normalised};
  return problem;
}

/// One of each study.
std::vector<StudyProblem> all_problems() {
  std::vector<StudyProblem> problems;
  problems.push_back(depth_problem());
  problems.push_back(rate_problem());
  problems.push_back(noise_problem());
  problems.push_back(cube_problem());
  return problems;
}

const StudyData& data_of(const StudyResult& result, const std::string& path) {
  for (const StudyData& data : result.data) {
    if (data.info.path == path) {
      return data;
    }
  }
  throw std::out_of_range(path);
}

const Claim& claim_of(const StudyResult& result, const std::string& words) {
  for (const Claim& claim : result.claims) {
    if (claim.statement.find(words) != std::string::npos) {
      return claim;
    }
  }
  throw std::out_of_range(words);
}

/// Kernel of each x with each y by the scalar reference, [m x n].
Matrix<double> reference_kernel(const Architecture& architecture, KernelType type,
                                const Matrix<double>& x, const Matrix<double>& y) {
  const auto inner = [](const Matrix<double>& a, std::int64_t i, const Matrix<double>& b,
                        std::int64_t j) {
    double sum = 0.0;
    for (std::int64_t k = 0; k < a.rows(); ++k) {
      sum += a(k, i) * b(k, j);
    }
    return sum;
  };
  Matrix<double> kernel(x.cols(), y.cols());
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    for (std::int64_t j = 0; j < y.cols(); ++j) {
      const KernelPair pair = reference::kernels(
          architecture, x.rows(), {inner(x, i, x, i), inner(y, j, y, j), inner(x, i, y, j)});
      kernel(i, j) = type == KernelType::ntk ? pair.ntk : pair.nngp;
    }
  }
  return kernel;
}

/// A^-1 B by elimination with pivots.
Matrix<double> solved(Matrix<double> a, Matrix<double> b) {
  const std::int64_t n = a.rows();
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k; i < n; ++i) {
      pivot = std::abs(a(i, k)) > std::abs(a(pivot, k)) ? i : pivot;
    }
    for (std::int64_t j = 0; j < n; ++j) {
      std::swap(a(k, j), a(pivot, j));
    }
    for (std::int64_t j = 0; j < b.cols(); ++j) {
      std::swap(b(k, j), b(pivot, j));
    }
    for (std::int64_t i = 0; i < n; ++i) {
      const double factor = i == k ? 0.0 : a(i, k) / a(k, k);
      for (std::int64_t j = k; j < n && i != k; ++j) {
        a(i, j) -= factor * a(k, j);
      }
      for (std::int64_t j = 0; j < b.cols() && i != k; ++j) {
        b(i, j) -= factor * b(k, j);
      }
    }
  }
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j < b.cols(); ++j) {
      b(i, j) /= a(i, i);
    }
  }
  return b;
}

/// A^T B
Matrix<double> transposed_product(const Matrix<double>& a, const Matrix<double>& b) {
  Matrix<double> c(a.cols(), b.cols());
  for (std::int64_t i = 0; i < c.rows(); ++i) {
    for (std::int64_t j = 0; j < c.cols(); ++j) {
      for (std::int64_t k = 0; k < a.rows(); ++k) {
        c(i, j) += a(k, i) * b(k, j);
      }
    }
  }
  return c;
}

double mean_square_distance(const Matrix<double>& a, const Matrix<double>& b) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    sum += (a.data()[i] - b.data()[i]) * (a.data()[i] - b.data()[i]);
  }
  return sum / static_cast<double>(a.size());
}

std::int64_t rightly(const Matrix<double>& f, const std::vector<std::int64_t>& label) {
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < f.rows(); ++i) {
    std::int64_t best = 0;
    for (std::int64_t c = 1; c < f.cols(); ++c) {
      best = f(i, c) > f(i, best) ? c : best;
    }
    count += best == label[static_cast<std::size_t>(i)] ? 1 : 0;
  }
  return count;
}

class KernelStudyTest : public testing::Test {
 protected:
  const Communicator world = Communicator::world();
  const Communicator self = Communicator::self();
};

// Rounding of a matrix that is shared in another way, times conditions of up to some 1e4.
constexpr double kSharedRounding = 1e-9;

TEST_F(KernelStudyTest, IsTheSameOnAnyNumberOfRanksToRounding) {
  for (const StudyProblem& problem : all_problems()) {
    SCOPED_TRACE(static_cast<int>(problem.options.study));
    const StudyResult together = run_study(world, problem, silent_monitor());
    const StudyResult alone = run_study(self, problem, silent_monitor());
    ASSERT_EQ(together.data.size(), alone.data.size());
    for (std::size_t i = 0; i < alone.data.size(); ++i) {
      const StudyData& ours = together.data[i];
      const StudyData& theirs = alone.data[i];
      EXPECT_EQ(ours.info.path, theirs.info.path);
      ASSERT_EQ(ours.values.size(), theirs.values.size());
      for (std::size_t k = 0; k < ours.values.size(); ++k) {
        EXPECT_NEAR(ours.values[k], theirs.values[k],
                    kSharedRounding * std::max(1.0, std::abs(theirs.values[k])))
            << ours.info.path << " " << k;
      }
    }
    ASSERT_EQ(together.claims.size(), alone.claims.size());
    ASSERT_FALSE(alone.claims.empty());
    for (std::size_t i = 0; i < alone.claims.size(); ++i) {
      EXPECT_EQ(together.claims[i].statement, alone.claims[i].statement);
      EXPECT_EQ(together.claims[i].holds(), alone.claims[i].holds())
          << alone.claims[i].statement << " " << alone.claims[i].value;
    }
    EXPECT_FALSE(together.lines.empty());
  }
}

TEST_F(KernelStudyTest, ShapesAgreeWithAxes) {
  for (const StudyProblem& problem : all_problems()) {
    const StudyResult result = run_study(self, problem, silent_monitor());
    const auto extent = [&](const std::string& path) {
      for (const StudyAxis& axis : result.axes) {
        if (axis.path == path) {
          return std::visit([](const auto& values) { return std::ssize(values); }, axis.values);
        }
      }
      ADD_FAILURE() << path;
      return std::ptrdiff_t{-1};
    };
    const auto check = [&](const DatasetInfo& info, std::ptrdiff_t count) {
      std::int64_t size = 1;
      ASSERT_EQ(info.shape.size(), info.axes.size()) << info.path;
      for (std::size_t k = 0; k < info.shape.size(); ++k) {
        EXPECT_EQ(info.shape[k], extent(info.axes[k])) << info.path;
        size *= info.shape[k];
      }
      EXPECT_EQ(count, size) << info.path;
      EXPECT_FALSE(info.long_name.empty());
    };
    for (const StudyData& data : result.data) {
      check(data.info, std::ssize(data.values));
    }
    for (const StudyNames& names : result.names) {
      check(names.info, std::ssize(names.values));
    }
  }
}

TEST_F(KernelStudyTest, StopsOnAllRanks) {
  for (const StudyProblem& problem : all_problems()) {
    for (const int question : {0, 2}) {
      StopAtQuestion monitor(world.rank() == world.size() - 1 ? question
                                                              : std::numeric_limits<int>::max());
      EXPECT_THROW(run_study(world, problem, monitor), InterruptedError);
    }
  }
}

TEST_F(KernelStudyTest, DepthIsKernelRegressionAtEachDepth) {
  const StudyProblem problem = depth_problem();
  const StudyResult result = run_study(world, problem, silent_monitor());
  const StudyData& accuracy = data_of(result, "/experiment/test_accuracy");
  const StudyData& mse = data_of(result, "/experiment/test_mse");
  const StudyData& condition = data_of(result, "/experiment/condition");
  ASSERT_EQ(accuracy.info.shape, (std::vector<std::int64_t>{2, 2, 3}));
  std::size_t at = 0;
  for (Architecture architecture : problem.options.kernels) {
    for (const KernelType type : {KernelType::ntk, KernelType::nngp}) {
      for (architecture.depth = 1; architecture.depth <= 3; ++architecture.depth, ++at) {
        Matrix<double> k = reference_kernel(architecture, type, problem.x, problem.x);
        double trace = 0.0;
        for (std::int64_t i = 0; i < kTrain; ++i) {
          trace += k(i, i);
        }
        for (std::int64_t i = 0; i < kTrain; ++i) {
          k(i, i) += problem.options.depth.ridge * trace / static_cast<double>(kTrain);
        }
        const Matrix<double> f =
            transposed_product(reference_kernel(architecture, type, problem.x, problem.test_x),
                               solved(std::move(k), problem.y.clone()));
        EXPECT_DOUBLE_EQ(accuracy.values[at],
                         static_cast<double>(rightly(f, problem.test_label)) / kTest);
        EXPECT_NEAR(mse.values[at], mean_square_distance(f, problem.test_y),
                    solve_bound<double>(kTrain, condition.values[at], 1.0));
        EXPECT_GE(condition.values[at], 1.0);
      }
    }
  }
  // Another depth is another number, so that the comparison above can fail.
  EXPECT_GT(std::abs(mse.values[1] - mse.values[2]), 1e-6);
  EXPECT_EQ(result.names[1].values, (std::vector<std::string>{"ntk", "nngp"}));
}

TEST_F(KernelStudyTest, DepthOneIsLinearRidgeRegressionOfInputsAndAConstant) {
  const StudyProblem problem = depth_problem();
  const StudyResult result = run_study(world, problem, silent_monitor());
  const StudyData& mse = data_of(result, "/experiment/test_mse");
  for (std::size_t kernel = 0; kernel < problem.options.kernels.size(); ++kernel) {
    const Architecture& architecture = problem.options.kernels[kernel];
    const auto features = [&](const Matrix<double>& x) {
      Matrix<double> phi(x.cols(), kInputs + 1);
      for (std::int64_t i = 0; i < x.cols(); ++i) {
        for (std::int64_t j = 0; j < kInputs; ++j) {
          phi(i, j) = std::sqrt(architecture.weight_variance / kInputs) * x(j, i);
        }
        phi(i, kInputs) = std::sqrt(architecture.bias_variance);
      }
      return phi;
    };
    const Matrix<double> phi = features(problem.x);
    Matrix<double> normal = transposed_product(phi, phi);
    double trace = 0.0;
    for (std::int64_t j = 0; j <= kInputs; ++j) {
      trace += normal(j, j);
    }
    for (std::int64_t j = 0; j <= kInputs; ++j) {
      normal(j, j) += problem.options.depth.ridge * trace / kTrain;
    }
    const Matrix<double> weights = solved(std::move(normal), transposed_product(phi, problem.y));
    const Matrix<double> test = features(problem.test_x);
    Matrix<double> f(kTest, kClasses);
    for (std::int64_t i = 0; i < kTest; ++i) {
      for (std::int64_t c = 0; c < kClasses; ++c) {
        for (std::int64_t j = 0; j <= kInputs; ++j) {
          f(i, c) += test(i, j) * weights(j, c);
        }
      }
    }
    const double expected = mean_square_distance(f, problem.test_y);
    for (std::size_t type = 0; type < 2; ++type) {
      const std::size_t at = (2 * kernel + type) * 3;
      EXPECT_NEAR(
          mse.values[at], expected,
          solve_bound<double>(kTrain, data_of(result, "/experiment/condition").values[at], 1.0));
      EXPECT_GT(std::abs(mse.values[at + 1] - expected), 1e-6);
    }
  }
}

TEST_F(KernelStudyTest, ClassesMayBeOneOutput) {
  StudyProblem problem = depth_problem();
  const auto as_numbers = [](const std::vector<std::int64_t>& label) {
    Matrix<double> y(std::ssize(label), 1);
    std::copy(label.begin(), label.end(), y.data());
    return y;
  };
  problem.y = as_numbers(problem.label);
  problem.test_y = as_numbers(problem.test_label);
  const StudyResult result = run_study(world, problem, silent_monitor());
  for (const double accuracy : data_of(result, "/experiment/test_accuracy").values) {
    EXPECT_GT(accuracy, 0.0);
    EXPECT_LE(accuracy, 1.0);
  }
}

TEST_F(KernelStudyTest, AKernelThatIsZeroLearnsNothing) {
  for (const auto make : {rate_problem, noise_problem}) {
    StudyProblem problem = make();
    problem.x = Matrix<double>(kInputs, kTrain);
    problem.architecture.bias_variance = 0.0;
    EXPECT_THROW(run_study(world, problem, silent_monitor()), NumericalError);
  }
}

TEST_F(KernelStudyTest, DepthNamesTheRidgeThatWouldDo) {
  StudyProblem problem = depth_problem();
  problem.options.depth.ridge = 0.0;  // more samples than inputs
  try {
    run_study(world, problem, silent_monitor());
    ADD_FAILURE() << "a singular matrix was solved";
  } catch (const NumericalError& error) {
    EXPECT_NE(std::string(error.what()).find("set experiment.ridge = "), std::string::npos)
        << error.what();
  }
}

TEST_F(KernelStudyTest, NeedsClassesAndATestSet) {
  StudyProblem problem = depth_problem();
  problem.label.clear();
  EXPECT_THROW(run_study(world, problem, silent_monitor()), ConfigError);
  EXPECT_THROW(check_study(problem.options, {kTrain, 0, kInputs, kClasses}), ConfigError);
  EXPECT_NO_THROW(check_study(problem.options, {kTrain, kTest, kInputs, kClasses}));
}

/// f_0 = 0, f_{s+1} = f_s - eta K/N (f_s - y) for so many steps; 1/2 mean |f - y|^2 after each.
std::vector<double> descended(const Matrix<double>& k, const Matrix<double>& y, double eta,
                              std::int64_t steps) {
  Matrix<double> f(y.rows(), y.cols());
  std::vector<double> losses;
  for (std::int64_t step = 0; step <= steps; ++step) {
    losses.push_back(mean_square_distance(f, y) * static_cast<double>(y.cols()) / 2.0);
    Matrix<double> error = f.clone();
    for (std::int64_t i = 0; i < f.size(); ++i) {
      error.data()[i] -= y.data()[i];
    }
    const Matrix<double> change = transposed_product(k, error);
    for (std::int64_t i = 0; i < f.size(); ++i) {
      f.data()[i] -= eta / static_cast<double>(y.rows()) * change.data()[i];
    }
  }
  return losses;
}

const Attribute& attribute_of(const StudyResult& result, const std::string& name) {
  for (const StudyAttribute& attribute : result.attributes) {
    if (attribute.name == name) {
      return attribute.value;
    }
  }
  throw std::out_of_range(name);
}

TEST_F(KernelStudyTest, LearningRateIsDescentByHand) {
  const StudyProblem problem = rate_problem();
  const LearningRateOptions& options = problem.options.learning_rate;
  const StudyResult result = run_study(world, problem, silent_monitor());
  const Matrix<double> k =
      reference_kernel(problem.architecture, KernelType::ntk, problem.x, problem.x);
  const double lambda_max = std::get<double>(attribute_of(result, "lambda_max"));
  const auto steps = static_cast<std::size_t>(options.steps);
  for (std::size_t rate = 0; rate < options.rates.size(); ++rate) {
    const auto expected = descended(k, problem.y, options.rates[rate] / lambda_max, options.steps);
    // As long as it grows, a relative error of lambda_max grows with the steps.
    const double bound = 1e3 * static_cast<double>(kTrain * options.steps) * kEps<double>;
    for (const char* path : {"/experiment/loss", "/experiment/closed_form_loss"}) {
      const std::vector<double>& losses = data_of(result, path).values;
      ASSERT_EQ(losses.size(), options.rates.size() * (steps + 1));
      for (std::size_t step = 0; step <= steps; ++step) {
        EXPECT_NEAR(losses[rate * (steps + 1) + step], expected[step],
                    bound * std::max(expected[step], expected[0]))
            << path << " " << rate << " " << step;
      }
    }
  }
  const std::vector<double>& beyond = data_of(result, "/experiment/first_beyond_start").values;
  EXPECT_EQ(beyond[0], -1.0);
  EXPECT_EQ(beyond[1], -1.0);
  const auto grown = descended(k, problem.y, 2.2 / lambda_max, options.steps);
  const auto first =
      std::find_if(grown.begin(), grown.end(), [&](double loss) { return loss > grown[0]; });
  EXPECT_EQ(beyond[2], static_cast<double>(first - grown.begin()));
  ASSERT_EQ(result.claims.size(), 3U);
  for (const Claim& claim : result.claims) {
    EXPECT_TRUE(claim.holds()) << claim.statement << " " << claim.value;
  }
  // Between the part of the leading mode in the last step but one and all of it.
  const Claim& growth = claim_of(result, "growth of the residual");
  EXPECT_NEAR(growth.expected + growth.tolerance, 1.2, 1e-12);
  EXPECT_GE(growth.expected - growth.tolerance, 1.0);
  EXPECT_DOUBLE_EQ(growth.value,
                   std::sqrt(data_of(result, "/experiment/loss").values.back() /
                             *(data_of(result, "/experiment/loss").values.end() - 2)));
}

TEST_F(KernelStudyTest, LearningRateClaimsNoGrowthWhereNoneIsSeen) {
  StudyProblem problem = rate_problem();
  problem.options.learning_rate = {.rates = {2.0, 2.01}, .steps = 1};
  const StudyResult result = run_study(world, problem, silent_monitor());
  ASSERT_EQ(result.claims.size(), 1U);
  EXPECT_NE(result.claims[0].statement.find("closed form"), std::string::npos);
  const auto says = [&](const std::string& words) {
    return std::any_of(result.lines.begin(), result.lines.end(), [&](const std::string& line) {
      return line.find(words) != std::string::npos;
    });
  };
  EXPECT_TRUE(says("neither grows nor decays"));
  EXPECT_TRUE(says("not ahead of the others"));
}

TEST_F(KernelStudyTest, LearningRateRefusesTargetsThatAreZero) {
  StudyProblem problem = rate_problem();
  problem.y = Matrix<double>(kTrain, kClasses);
  EXPECT_THROW(run_study(world, problem, silent_monitor()), ConfigError);
}

TEST_F(KernelStudyTest, EarlyStoppingFollowsTheFlowOfTheNoisyLabels) {
  const StudyProblem problem = noise_problem();
  const StudyResult result = run_study(world, problem, silent_monitor());
  const NoisyTargets noisy =
      with_label_noise(problem.y, problem.label, problem.options.early_stopping);
  const Matrix<double> k =
      reference_kernel(problem.architecture, KernelType::ntk, problem.x, problem.x);
  const Matrix<double> cross =
      reference_kernel(problem.architecture, KernelType::ntk, problem.x, problem.test_x);
  const std::vector<double> times = std::get<std::vector<double>>(result.axes[0].values);
  const auto half_square = [&](const Matrix<double>& f, const Matrix<double>& y) {
    return mean_square_distance(f, y) * static_cast<double>(kClasses) / 2.0;
  };
  // At the end of the path everything has been learned.
  const Matrix<double> all = transposed_product(cross, solved(k.clone(), noisy.y.clone()));
  EXPECT_NEAR(data_of(result, "/experiment/test_loss").values.back(),
              half_square(all, problem.test_y), 1e-8);
  EXPECT_NEAR(data_of(result, "/experiment/train_loss").values.back(), 0.0, 1e-20);
  EXPECT_NEAR(data_of(result, "/experiment/learned").values.back(), 1.0, 1e-10);
  // A ridge in the middle.
  constexpr std::size_t kMiddle = 30;
  Matrix<double> with_ridge = k.clone();
  for (std::int64_t i = 0; i < kTrain; ++i) {
    with_ridge(i, i) += static_cast<double>(kTrain) / times[kMiddle];
  }
  const Matrix<double> coefficients = solved(std::move(with_ridge), noisy.y.clone());
  EXPECT_NEAR(data_of(result, "/experiment/ridge_test_loss").values[kMiddle],
              half_square(transposed_product(cross, coefficients), problem.test_y), 1e-9);
  EXPECT_NEAR(data_of(result, "/experiment/ridge_train_loss").values[kMiddle],
              half_square(transposed_product(k, coefficients), noisy.y), 1e-9);
  // The flow at the same time, by many small steps.
  constexpr std::int64_t kSteps = 20'000;
  constexpr std::size_t kEarly = 12;
  const auto flow = descended(k, noisy.y, times[kEarly] / kSteps, kSteps);
  EXPECT_NEAR(data_of(result, "/experiment/train_loss").values[kEarly], flow.back(),
              1e-3 * flow.back());
  EXPECT_LT(flow.back(), 0.99 * flow.front());
  EXPECT_EQ(std::get<std::int64_t>(attribute_of(result, "changed_labels")), noisy.changed);
}

TEST_F(KernelStudyTest, RightLabelsMakeNoClaimAboutNoise) {
  StudyProblem problem = noise_problem();
  problem.options.early_stopping.label_noise = 0.0;
  const StudyResult result = run_study(world, problem, silent_monitor());
  ASSERT_EQ(result.claims.size(), 1U);
  EXPECT_NE(result.claims[0].statement.find("right labels"), std::string::npos);
  EXPECT_EQ(data_of(result, "/experiment/test_loss").values,
            data_of(result, "/experiment/clean_test_loss").values);
  for (const double part : data_of(result, "/experiment/learned_noise").values) {
    EXPECT_EQ(part, 0.0);
  }
}

TEST_F(KernelStudyTest, EarlyStoppingNeedsAnOutputForEachClass) {
  StudyProblem problem = noise_problem();
  problem.y(3, 0) += 0.5;
  EXPECT_THROW(run_study(world, problem, silent_monitor()), ConfigError);
}

TEST_F(KernelStudyTest, SampleComplexityIsRegressionOnCorners) {
  const StudyProblem problem = cube_problem();
  const StudyResult result = run_study(world, problem, silent_monitor());
  const std::vector<double>& sizes = data_of(result, "/experiment/train_size").values;
  EXPECT_EQ(sizes, (std::vector<double>{9.0, 29.0, 16.0, 51.0}));
  const std::vector<double>& mean = data_of(result, "/experiment/mean_test_mse").values;
  const std::vector<double>& mse = data_of(result, "/experiment/test_mse").values;
  ASSERT_EQ(mse.size(), 16U);
  for (std::size_t k = 0; k < mean.size(); ++k) {
    const auto first = mse.begin() + static_cast<std::ptrdiff_t>(4 * k);
    EXPECT_NEAR(mean[k], std::accumulate(first, first + 4, 0.0) / 4.0, 4.0 * kEps<double>);
  }
  EXPECT_NE(mse[0], mse[1]);
  std::size_t at = 0;
  const SampleComplexityOptions& options = problem.options.sample_complexity;
  for (const std::int64_t dimension : options.dimensions) {
    for (std::size_t ratio = 0; ratio < options.ratios.size(); ++ratio) {
      for (std::int64_t draw = 0; draw < options.draws; ++draw, ++at) {
        const CubeSamples samples = cube_samples(options, dimension, ratio, draw);
        const Matrix<double> coefficients = solved(
            reference_kernel(problem.architecture, KernelType::ntk, samples.train, samples.train),
            product_of_two(samples.train));
        const Matrix<double> f = transposed_product(
            reference_kernel(problem.architecture, KernelType::ntk, samples.train, samples.test),
            coefficients);
        EXPECT_NEAR(mse[at], mean_square_distance(f, product_of_two(samples.test)), 1e-9);
      }
    }
  }
  EXPECT_LT(claim_of(result, "four units").value, 1e-14);
  EXPECT_TRUE(claim_of(result, "falls below").holds());
}

TEST_F(KernelStudyTest, SampleComplexityClaimsNothingOfKernelsWithoutProducts) {
  StudyProblem problem = cube_problem();
  // So many corners that none is another's opposite, for which an odd kernel has no room.
  problem.options.sample_complexity.dimensions = {20, 24};
  problem.options.sample_complexity.ratios = {0.1, 0.15};
  for (const auto& [architecture, type, claims] :
       {std::tuple{Architecture{2, {"erf", {}}, 2.0, 0.0, FirstLayer::normalised}, KernelType::nngp,
                   false},
        {Architecture{2, {"erf", {}}, 2.0, 0.5, FirstLayer::normalised}, KernelType::nngp, true},
        {Architecture{2, {"relu", {}}, 2.0, 0.0, FirstLayer::normalised}, KernelType::ntk, true}}) {
    problem.architecture = architecture;
    problem.type = type;
    const StudyResult result = run_study(world, problem, silent_monitor());
    EXPECT_EQ(result.claims.size() > 1, claims) << architecture.activation.name;
    EXPECT_EQ(std::any_of(result.lines.begin(), result.lines.end(),
                          [](const std::string& line) {
                            return line.find("no part of degree 2") != std::string::npos;
                          }),
              !claims);
  }
  problem.options.sample_complexity.draws = 3;
  EXPECT_EQ(run_study(world, problem, silent_monitor()).claims.size(), 1U);
}

TEST(LabelNoiseTest, ChangesAsManyLabelsAsAskedAndKeepsTheEncoding) {
  constexpr std::int64_t kMany = 4000;
  Matrix<double> y(kMany, kClasses);
  std::vector<std::int64_t> label;
  for (std::int64_t i = 0; i < kMany; ++i) {
    label.push_back(i % kClasses);
    for (std::int64_t c = 0; c < kClasses; ++c) {
      y(i, c) = c == i % kClasses ? 0.9 : -0.1;
    }
  }
  const NoisyTargets noisy = with_label_noise(y, label, {.label_noise = 0.25, .seed = 1});
  EXPECT_NEAR(static_cast<double>(noisy.changed) / kMany, 0.25,
              standard_error_bound(5.0, std::sqrt(0.25 * 0.75), kMany));
  std::vector<std::int64_t> shifts(kClasses);
  std::vector<double> noise(kClasses);
  for (std::int64_t i = 0; i < kMany; ++i) {
    const std::int64_t now = noisy.label[static_cast<std::size_t>(i)];
    ++shifts[static_cast<std::size_t>((now - i % kClasses + kClasses) % kClasses)];
    for (std::int64_t c = 0; c < kClasses; ++c) {
      EXPECT_EQ(noisy.y(i, c), c == now ? 0.9 : -0.1);
      noise[static_cast<std::size_t>(c)] += noisy.noise(i, c) / kMany;
    }
  }
  EXPECT_EQ(shifts[1] + shifts[2], noisy.changed);
  EXPECT_NEAR(static_cast<double>(shifts[1]) / static_cast<double>(noisy.changed), 0.5,
              standard_error_bound(5.0, 0.5, noisy.changed));
  for (const double average : noise) {
    EXPECT_NEAR(average, 0.0, standard_error_bound(5.0, 0.5, kMany));
  }
  // Another seed is another choice, and the same one the same.
  EXPECT_EQ(with_label_noise(y, label, {.label_noise = 0.25, .seed = 1}).label, noisy.label);
  EXPECT_NE(with_label_noise(y, label, {.label_noise = 0.25, .seed = 2}).label, noisy.label);
  EXPECT_EQ(with_label_noise(y, label, {.label_noise = 0.0, .seed = 1}).changed, 0);
}

TEST(CubeSamplesTest, CornersAreDifferentAndFair) {
  constexpr std::int64_t kSide = 9;
  const Matrix<double> x = different_corners(kSide, 256, 1, 2);  // half of all
  std::set<std::vector<double>> seen;
  double sum = 0.0;
  for (std::int64_t i = 0; i < x.cols(); ++i) {
    seen.emplace(x.column(i), x.column(i) + kSide);
    for (std::int64_t j = 0; j < kSide; ++j) {
      EXPECT_EQ(std::abs(x(j, i)), 1.0);
      sum += x(j, i);
    }
  }
  EXPECT_EQ(seen.size(), 256U);
  EXPECT_NEAR(sum / 256.0 / kSide, 0.0, standard_error_bound(5.0, 1.0, 256 * kSide));
  const Matrix<double> other = different_corners(kSide, 256, 1, 3);
  EXPECT_FALSE(std::equal(x.data(), x.data() + x.size(), other.data()));
}

TEST(CubeSamplesTest, TestCornersAreNotThoseOfTraining) {
  constexpr std::int64_t kSide = 5;
  const Matrix<double> train = different_corners(kSide, 16, 1, 2);
  std::set<std::vector<double>> seen;
  for (std::int64_t i = 0; i < train.cols(); ++i) {
    seen.emplace(train.column(i), train.column(i) + kSide);
  }
  const Matrix<double> test = other_corners(train, 400, 1, 3);
  std::set<std::vector<double>> others;
  for (std::int64_t i = 0; i < test.cols(); ++i) {
    others.emplace(test.column(i), test.column(i) + kSide);
    EXPECT_FALSE(seen.contains({test.column(i), test.column(i) + kSide}));
  }
  EXPECT_EQ(others.size(), 16U);  // all that are left
  const Matrix<double> any = other_corners(Matrix<double>(kSide, 0), 400, 1, 3);
  EXPECT_FALSE(std::equal(any.data(), any.data() + any.size(), test.data()));
}

TEST(CubeSamplesTest, FourUnitsAreTheProductOnTheCubeAlone) {
  for (const std::int64_t dimension : {2, 7, 70}) {
    Matrix<double> x = other_corners(Matrix<double>(dimension, 0), 50, 5, 0);
    const Matrix<double> f = four_unit_network(x);
    const Matrix<double> y = product_of_two(x);
    for (std::int64_t i = 0; i < x.cols(); ++i) {
      EXPECT_EQ(y(i, 0), x(0, i) * x(1, i));
      EXPECT_NEAR(f(i, 0), y(i, 0), 32.0 * kEps<double>);
    }
    x(0, 0) = 3.0;  // no corner
    EXPECT_GT(std::abs(four_unit_network(x)(0, 0) - product_of_two(x)(0, 0)), 1.0);
  }
}

TEST(KernelStudyCostTest, GrowsWithSizesFallsWithRanksAndNeverOverflows) {
  for (const StudyProblem& problem : all_problems()) {
    SCOPED_TRACE(static_cast<int>(problem.options.study));
    const bool has_data = needs(problem.options.study).data;
    const auto bytes = [&](const DataShape& shape, int ranks) {
      return study_bytes(problem.options, problem.architecture, shape, ranks);
    };
    const DataShape shape{1000, 500, 20, 10};
    EXPECT_GT(bytes(shape, 1), 0);
    EXPECT_GT(study_flop(problem.options, problem.architecture, shape), 0.0);
    EXPECT_GT(study_file_bytes(problem.options, problem.architecture, shape), 0);
    if (!has_data) {
      continue;
    }
    EXPECT_GT(bytes({40000, 500, 20, 10}, 1), 3 * bytes({20000, 500, 20, 10}, 1));
    EXPECT_LT(bytes({40000, 500, 20, 10}, 4), bytes({40000, 500, 20, 10}, 1) / 2);
    for (const std::int64_t size : {std::int64_t{1} << 32, std::int64_t{1} << 62}) {
      EXPECT_EQ(bytes({size, 500, 20, 10}, 1), std::numeric_limits<std::int64_t>::max());
    }
  }
}

}  // namespace
}  // namespace ntkflow::test
