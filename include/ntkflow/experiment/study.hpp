#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <ntkflow/base/matrix.hpp>
#include <ntkflow/base/monitor.hpp>
#include <ntkflow/data/dataset.hpp>
#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/experiment/options.hpp>
#include <ntkflow/io/result_file.hpp>
#include <ntkflow/kernel/architecture.hpp>

namespace ntkflow {

/// What a study is about. Samples are whole on every rank.
struct StudyProblem {
  ExperimentOptions options;
  Architecture architecture;
  Matrix<double> x;       ///< training inputs [d x N]
  Matrix<double> y;       ///< training targets [N x C]
  Matrix<double> test_x;  ///< [d x M], or empty
};

/// A statement of the theory that a study checks: |value - expected| <= tolerance.
struct Claim {
  std::string statement;
  double value = 0.0;
  double expected = 0.0;
  double tolerance = 0.0;

  [[nodiscard]] bool holds() const { return std::abs(value - expected) <= tolerance; }
};

/// A dimension scale of the result, of numbers that count or that measure.
struct StudyAxis {
  std::string path;
  std::string long_name;
  std::variant<std::vector<std::int64_t>, std::vector<double>> values;
  std::string units = "1";
};

/// A data set of the result, row-major; its axes are named in `info`.
struct StudyData {
  DatasetInfo info;
  std::vector<double> values;
};

struct StudyAttribute {
  std::string object;
  std::string name;
  Attribute value;
};

/// What a study found: the same on all ranks.
struct StudyResult {
  std::vector<StudyAxis> axes;
  std::vector<StudyData> data;
  std::vector<StudyAttribute> attributes;
  std::vector<Claim> claims;
  std::vector<std::string> lines;       ///< for the screen
  std::vector<std::string> quantities;  ///< names along /experiment/quantity, if there is one
  /// For each width and draw the step after which the network had diverged, -1: none.
  std::vector<std::int64_t> diverged_at;
};

/// Throws ConfigError, as one sentence, where a study cannot be made of such data and options.
/// Local.
void check_study(const ExperimentOptions& options, const DataShape& shape);

/// Memory that the study takes on a rank, at most; the largest integer where it would be beyond
/// all bounds. Local.
std::int64_t study_bytes(const ExperimentOptions& options, const Architecture& architecture,
                         const DataShape& shape);

/// What is recorded of the networks, in the result file. Local.
std::int64_t study_file_bytes(const ExperimentOptions& options);

/// Floating-point operations of training all networks. Local.
double study_flop(const ExperimentOptions& options, const Architecture& architecture,
                  const DataShape& shape);

/// The largest learning rate at which gradient descent under the limiting kernel is stable: 2 /
/// lambda_max of Theta / N on the training inputs. Local, the same on all ranks.
double stable_learning_rate(const StudyProblem& problem);

/// Trains the networks, each on one rank, and compares them with their limit. The result does not
/// depend on the number of ranks. Collective over comm. Throws InterruptedError when the monitor
/// asks to stop, ResourceError when memory is short, NumericalError where numbers of the result
/// would not be finite, all on all ranks, RemoteError on those that learn it from others.
StudyResult run_study(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);

}  // namespace ntkflow
