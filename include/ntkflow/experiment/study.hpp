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

/// What a study is about. Samples are whole on every rank; a study without [data] has none.
struct StudyProblem {
  ExperimentOptions options;
  Architecture architecture;          ///< of [kernel]
  KernelType type = KernelType::ntk;  ///< likewise
  Matrix<double> x;                   ///< training inputs [d x N]
  Matrix<double> y;                   ///< training targets [N x C]
  std::vector<std::int64_t> label;    ///< N classes, where there are classes
  Matrix<double> test_x;              ///< [d x M], or empty
  Matrix<double> test_y;              ///< [M x C]
  std::vector<std::int64_t> test_label;
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

/// A data set of names, as of the kernels along an axis.
struct StudyNames {
  DatasetInfo info;
  std::vector<std::string> values;
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
  std::vector<StudyNames> names;
  std::vector<StudyAttribute> attributes;
  std::vector<Claim> claims;
  std::vector<std::string> lines;  ///< for the screen
  /// For each width and draw the step after which the network had diverged, -1: none.
  std::vector<std::int64_t> diverged_at;
};

/// Throws ConfigError, as one sentence, where a study cannot be made of such data and options.
/// Local.
void check_study(const ExperimentOptions& options, const DataShape& shape);

/// Memory that the study takes on a rank, at most; the largest integer where it would be beyond
/// all bounds. Local.
/// @param ranks  that share the matrices of studies without networks
std::int64_t study_bytes(const ExperimentOptions& options, const Architecture& architecture,
                         const DataShape& shape, int ranks);

/// What is recorded in the result file. Local.
std::int64_t study_file_bytes(const ExperimentOptions& options, const Architecture& architecture,
                              const DataShape& shape);

/// Floating-point operations of the study: of training all networks, where networks are trained.
/// Local.
double study_flop(const ExperimentOptions& options, const Architecture& architecture,
                  const DataShape& shape);

/// The largest learning rate at which gradient descent under the limiting kernel is stable: 2 /
/// lambda_max of Theta / N on the training inputs. Local, the same on all ranks.
double stable_learning_rate(const StudyProblem& problem);

/// Makes the study. Networks are trained each on one rank, and what is found of them does not
/// depend on the number of ranks; large kernel matrices are shared, and what is found from these
/// depends on it in rounding only. Collective over comm. Throws InterruptedError when the monitor
/// asks to stop, ResourceError when memory is short, NumericalError where numbers of the result
/// would not be finite, all on all ranks, RemoteError on those that learn it from others.
StudyResult run_study(const Communicator& comm, const StudyProblem& problem, Monitor& monitor);

}  // namespace ntkflow
