#pragma once

#include <memory>
#include <vector>

#include <ntkflow/config/run_config.hpp>
#include <ntkflow/data/dataset.hpp>
#include <ntkflow/dist/process_grid.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>

#include "choose.hpp"
#include "report.hpp"

namespace ntkflow::app {

/// A run between reading and writing: configuration, plan, grid, data.
struct Problem {
  RunConfig config;  ///< precision and methods chosen
  Plan plan;
  ChoiceReasons reasons;  ///< of precision and methods
  Target target;          ///< what it is planned for
  std::shared_ptr<const ProcessGrid> grid;
  std::unique_ptr<Dataset> dataset;
  int threads = 1;

  [[nodiscard]] std::int64_t train_size() const { return plan.shape.train_size; }
  [[nodiscard]] std::int64_t test_size() const { return plan.shape.test_size; }
};

/// The files that a run reads, which its result must not replace. Local.
/// @param config  path of the configuration, or empty
std::vector<std::string> input_files(const std::string& config, const DataOptions& data);

/// Reads the configuration on rank 0 and gives all ranks the same one. Collective over comm.
RunConfig read_config(const Communicator& comm, const CommandLine& line);

/// Threads that each rank may use: the configuration's, else OMP_NUM_THREADS, else the cores this
/// rank may run on, shared with the other ranks that may run on the same. Warns when ranks x
/// threads exceed the cores. Collective over comm.
int choose_threads(const Communicator& comm, const ParallelOptions& options, Monitor& monitor);

/// Configuration, automatic choices, checks that need no data (output, memory, limits), then the
/// data. Prints the header with the predicted memory and time. Collective over comm.
Problem prepare(const Communicator& comm, const CommandLine& line, PlannedCommand command,
                Report& report);

/// The training samples of this rank's rows and columns, and the kernel between them. Collective
/// over the grid.
template <class Real>
struct TrainingKernel {
  std::shared_ptr<const KernelEvaluator<Real>> evaluator;
  std::shared_ptr<const KernelSamples<Real>> rows;
  std::unique_ptr<KernelMatrix<Real>> matrix;
};
template <class Real>
TrainingKernel<Real> load_training_kernel(const Problem& problem);

/// The kernel between training samples (rows) and test samples (columns). Collective over the grid.
KernelMatrix<double> load_test_kernel(const Problem& problem,
                                      const TrainingKernel<double>& training);

/// The NNGP kernel between test samples. Collective over the grid.
KernelMatrix<double> load_test_nngp(const Problem& problem, const TrainingKernel<double>& training);

/// The NNGP kernel of training and test samples together, in that order. Collective over the grid.
KernelMatrix<double> load_joint_nngp(const Problem& problem);

/// Inputs of training and test samples one after the other, at the positions of `map`,
/// [d x local_size]. Collective over the grid.
Matrix<double> load_joint(const Problem& problem, const BlockCyclic& map);

/// Positions of an axis that this rank holds, ascending. Local.
std::vector<std::int64_t> local_positions(const BlockCyclic& map);

}  // namespace ntkflow::app
