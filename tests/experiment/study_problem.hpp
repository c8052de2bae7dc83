#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

#include <ntkflow/base/random.hpp>
#include <ntkflow/experiment/study.hpp>

namespace ntkflow::test {

/// So many samples [d x n] of N(0, 1), a function of the stream's number.
inline Matrix<double> normal_samples(std::int64_t dimension, std::int64_t count,
                                     std::uint64_t stream) {
  const RandomStream random(31, stream);
  Matrix<double> x(dimension, count);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    x.data()[i] = random.normal(static_cast<std::uint64_t>(i));
  }
  return x;
}

/// A study of networks of widths 8 and 16, three of each, that takes milliseconds.
inline StudyProblem tiny_problem(Study study) {
  StudyProblem problem;
  problem.options.study = study;
  problem.options.network.widths = {8, 16};
  problem.options.network.draws = 3;
  problem.options.network.seed = 5;
  problem.options.network.learning_rate = 0.5;
  problem.options.network.steps = 4;
  problem.options.points = 5;
  problem.architecture = {3, {"erf", {}}, 1.5, 0.01, FirstLayer::normalised};
  problem.x = normal_samples(2, 6, 0);
  if (study == Study::gaussian_limit) {  // on the unit circle
    for (std::int64_t i = 0; i < problem.x.cols(); ++i) {
      const double norm = std::hypot(problem.x(0, i), problem.x(1, i));
      problem.x(0, i) /= norm;
      problem.x(1, i) /= norm;
    }
  }
  problem.test_x = normal_samples(2, 4, 1);
  problem.y = Matrix<double>(6, 1);
  for (std::int64_t i = 0; i < 6; ++i) {
    problem.y(i, 0) = problem.x(0, i) * problem.x(1, i);
  }
  problem.test_y = Matrix<double>(4, 1);
  for (std::int64_t i = 0; i < 4; ++i) {
    problem.test_y(i, 0) = problem.test_x(0, i) * problem.test_x(1, i);
  }
  return problem;
}

/// Those that train networks.
inline constexpr Study kNetworkStudies[] = {Study::kernel_convergence, Study::gaussian_limit,
                                            Study::principal_components, Study::width_scaling,
                                            Study::descent};

}  // namespace ntkflow::test
