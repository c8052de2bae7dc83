#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include <ntkflow/dynamics/gaussian_flow.hpp>
#include <ntkflow/dynamics/options.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/io/result_file.hpp>
#include <ntkflow/regression/fit.hpp>

#include "problem.hpp"
#include "report.hpp"

namespace ntkflow::app {

/// Version of the layout of result files: a reader refuses a higher first number.
inline constexpr const char* kFormatVersion = "1.0";

/// Row-major copy of a column-major matrix, as HDF5 stores it. Local.
std::vector<double> row_major(MatrixView<const double> matrix);

/// A dimension scale 0 ... size - 1. Collective.
void write_index_scale(ResultFile& file, const std::string& path, const std::string& long_name,
                       std::int64_t size);
/// Root attributes that every file of ours has. Collective over comm.
void write_provenance(ResultFile& file, const Communicator& comm, const std::string& command_line,
                      GridShape grid, std::int64_t block, int threads);
/// How the numbers of a group were found, and why so where the program chose it (`reason` is not
/// empty). Collective.
void write_method(ResultFile& file, const std::string& group, const std::string& name,
                  const std::string& reason);
/// Axes of samples and outputs, and /data. Collective.
void write_data(ResultFile& file, const Dataset& dataset);
/// Provenance, configuration, /data and the attributes of /kernel. Collective.
void write_problem(ResultFile& file, const Problem& problem, const std::string& command_line);
/// /kernel/train_train, /kernel/test_train and /kernel/test_diagonal. `test` may be null.
/// Collective.
void write_kernel_matrices(ResultFile& file, const KernelMatrix<double>& train,
                           const KernelMatrix<double>* test, Monitor& monitor);
/// /kernel/train_train_by_depth, from depth 1 to the network's. Collective.
void write_kernel_by_depth(ResultFile& file, const KernelMatrix<double>& train, Monitor& monitor);
/// /model: the preprocessed training inputs and the preprocessing. Collective.
void write_model(ResultFile& file, const Problem& problem);
/// Creates the data sets of /posterior, for write_law to fill. Collective.
void create_posterior(ResultFile& file, const PosteriorOptions& options,
                      std::span<const double> times, std::int64_t points, std::int64_t outputs);
/// The law of the test points from `begin` on at one of the times. Collective.
void write_law(ResultFile& file, const PosteriorOptions& options, std::int64_t time,
               std::int64_t begin, const GaussianLaw& law, const Communicator& comm);
/// /timing and the closing root attributes. Collective.
void write_timing(ResultFile& file, const std::vector<Phase>& phases);

}  // namespace ntkflow::app
