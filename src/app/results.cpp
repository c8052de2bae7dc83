#include "results.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <numeric>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <ntkflow_version.h>
#include <unistd.h>

#include <ntkflow/base/numbers.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/dist/mpi_session.hpp>
#include <ntkflow/dist/redistribute.hpp>
#include <ntkflow/linalg/local.hpp>

#include "kernel_attributes.hpp"

namespace ntkflow::app {
namespace {

void write_split(ResultFile& file, const std::string& name, const SplitInfo& split) {
  const std::string axis = "/" + name + "_sample";
  write_index_scale(file, axis, "position in the " + name + " set", split.size());
  file.write({"/data/" + name + "_index",
              "row of each " + name + " sample in its source",
              "1",
              {split.size()},
              {axis}},
             split.source_row);
  file.write({"/data/" + name + "_target",
              "encoded targets of the " + name + " set",
              "1",
              {split.size(), split.target.cols()},
              {axis, "/output"}},
             row_major(split.target.view()));
  if (!split.label.empty()) {
    file.write({"/data/" + name + "_label",
                "class of each " + name + " sample",
                "1",
                {split.size()},
                {axis}},
               split.label);
  }
}

/// Calls write(row, count, values) for the columns of a block-cyclic matrix, each as a row, in
/// rounds that keep buffers small. Collective over the grid.
template <class Write>
void for_columns_as_rows(const DistMatrix<double>& matrix, const Write& write) {
  const std::int64_t step = columns_per_round(matrix, kGatherBytes);
  const Communicator& comm = matrix.grid()->comm();
  for (std::int64_t begin = 0; begin < matrix.cols(); begin += step) {
    const std::int64_t end = std::min(matrix.cols(), begin + step);
    const Matrix<double> mine = gather_columns(matrix, begin, end);
    const Share share = contiguous_share(end - begin, comm.size(), comm.rank());
    write(begin + share.begin, mine.cols(), mine.data());
  }
}

/// Columns of a block-cyclic matrix as rows of a data set from `first_row` on.
void write_columns_as_rows(ResultFile& file, const std::string& path,
                           const DistMatrix<double>& matrix, std::int64_t first_row) {
  for_columns_as_rows(matrix, [&](std::int64_t row, std::int64_t count, const double* values) {
    file.write_rows(path, first_row + row, count, values);
  });
}

/// [levels x points x outputs], row-major.
std::vector<double> quantiles_of(const GaussianLaw& law, const std::vector<double>& levels) {
  std::vector<double> values;
  values.reserve(levels.size() * static_cast<std::size_t>(law.mean.size()));
  for (const double level : levels) {
    const double z = normal_quantile(level);
    for (std::int64_t i = 0; i < law.mean.rows(); ++i) {
      const double deviation = std::sqrt(law.variance[static_cast<std::size_t>(i)]);
      for (std::int64_t j = 0; j < law.mean.cols(); ++j) {
        values.push_back(law.mean(i, j) + z * deviation);
      }
    }
  }
  return values;
}

/// [samples x points x outputs], row-major.
std::vector<double> paths_of(const GaussianLaw& law, std::int64_t samples) {
  const std::int64_t outputs = law.mean.cols();
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(law.paths.size()));
  for (std::int64_t draw = 0; draw < samples; ++draw) {
    for (std::int64_t i = 0; i < law.paths.rows(); ++i) {
      for (std::int64_t j = 0; j < outputs; ++j) {
        values.push_back(law.paths(i, draw * outputs + j));
      }
    }
  }
  return values;
}

}  // namespace

void write_index_scale(ResultFile& file, const std::string& path, const std::string& long_name,
                       std::int64_t size) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(size));
  std::iota(index.begin(), index.end(), 0);
  file.scale(path, long_name, index);
}

std::vector<double> row_major(MatrixView<const double> matrix) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(matrix.rows * matrix.cols));
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      values.push_back(matrix(i, j));
    }
  }
  return values;
}

void write_provenance(ResultFile& file, const Communicator& comm, const std::string& command_line,
                      GridShape grid, std::int64_t block, int threads) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  std::string hostname = host.data();
  comm.broadcast(hostname, 0);
  std::string created = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  comm.broadcast(created, 0);
  file.attribute("/", "format", std::string("ntkflow"));
  file.attribute("/", "format_version", std::string(kFormatVersion));
  file.attribute("/", "created", created);
  file.attribute("/", "ntkflow_version", std::string(NTKFLOW_VERSION));
  file.attribute("/", "git_revision", std::string(NTKFLOW_GIT_REVISION));
  file.attribute("/", "command_line", command_line);
  file.attribute("/", "hostname", hostname);
  file.attribute("/", "mpi_ranks", static_cast<std::int64_t>(comm.size()));
  file.attribute("/", "grid", std::vector<std::int64_t>{grid.rows, grid.cols});
  file.attribute("/", "block_size", block);
  file.attribute("/", "threads_per_rank", static_cast<std::int64_t>(threads));
  file.attribute("/", "mpi_version", MpiSession::library_version());
  file.attribute("/", "blas_version", blas_description());
  file.attribute("/", "hdf5_version", hdf5_version());
  file.attribute("/", "simd_target", simd_target_in_use());
}

void write_method(ResultFile& file, const std::string& group, const std::string& name,
                  const std::string& reason) {
  file.attribute(group, "method", name);
  if (!reason.empty()) {
    file.attribute(group, "method_reason", reason);
  }
}

void write_data(ResultFile& file, const Dataset& dataset) {
  write_index_scale(file, "/output", "output of the network", dataset.outputs());
  write_split(file, "train", dataset.split(Split::train));
  if (dataset.split(Split::test).size() > 0) {
    write_split(file, "test", dataset.split(Split::test));
  }
  file.attribute("/data", "dimension", dataset.dimension());
  file.attribute("/data", "source", dataset.source());
  file.attribute("/data", "checksum", dataset.checksum());
}

void write_problem(ResultFile& file, const Problem& problem, const std::string& command_line) {
  write_provenance(file, problem.grid->comm(), command_line, problem.plan.grid, problem.plan.block,
                   problem.threads);
  file.attribute("/", "config", problem.config.effective_toml);
  write_data(file, *problem.dataset);
  write_kernel_attributes(file, problem.config.kernel);
}

void write_kernel_matrices(ResultFile& file, const KernelMatrix<double>& train,
                           const KernelMatrix<double>* test, Monitor& monitor) {
  const std::int64_t n = train.rows();
  file.create({"/kernel/train_train",
               "kernel between training samples",
               "1",
               {n, n},
               {"/train_sample", "/train_sample"}});
  write_columns_as_rows(file, "/kernel/train_train",
                        train.assemble_symmetric(Triangle::both, monitor), 0);
  if (test == nullptr) {
    return;
  }
  const std::int64_t m = test->cols();
  file.create({"/kernel/test_train",
               "kernel between test and training samples",
               "1",
               {m, n},
               {"/test_sample", "/train_sample"}});
  // As many test samples at a time as fit the buffer, in whole rounds of blocks so that each stays
  // with its rank.
  const ProcessGrid& grid = *test->grid();
  const std::int64_t deal = test->block() * grid.shape().cols;
  const std::int64_t affordable =
      kGatherBytes * grid.comm().size() / std::max<std::int64_t>(1, n * 8);
  const std::int64_t step = std::max<std::int64_t>(1, affordable / deal) * deal;
  for (std::int64_t begin = 0; begin < m; begin += step) {
    write_columns_as_rows(file, "/kernel/test_train",
                          test->assemble_columns(begin, std::min(m, begin + step)), begin);
  }
  file.write({"/kernel/test_diagonal",
              "kernel of each test sample with itself",
              "1",
              {m},
              {"/test_sample"}},
             test->column_diagonal());
}

void write_kernel_by_depth(ResultFile& file, const KernelMatrix<double>& train, Monitor& monitor) {
  const std::string path = "/kernel/train_train_by_depth";
  const std::int64_t n = train.rows();
  const auto matrices = train.assemble_symmetric_by_depth(monitor);
  std::vector<std::int64_t> depth(matrices.size());
  std::iota(depth.begin(), depth.end(), 1);
  file.scale("/kernel/depth", "number of affine layers", depth);
  file.create({path,
               "kernel between training samples, of the network cut off at each depth",
               "1",
               {std::ssize(depth), n, n},
               {"/kernel/depth", "/train_sample", "/train_sample"}});
  for (std::size_t slab = 0; slab < matrices.size(); ++slab) {
    for_columns_as_rows(
        matrices[slab], [&](std::int64_t row, std::int64_t count, const double* values) {
          file.write_slab_rows(path, static_cast<std::int64_t>(slab), row, count, values);
        });
  }
}

void write_model(ResultFile& file, const Problem& problem) {
  const std::int64_t n = problem.train_size();
  const std::int64_t d = problem.plan.shape.dimension;
  const Communicator& comm = problem.grid->comm();
  write_index_scale(file, "/model/feature", "input of the network", d);
  std::string names;
  std::int64_t number = 0;
  for (const FittedStep& step : problem.dataset->preprocessor().steps()) {
    names += names.empty() ? "" : ",";
    names += to_string(step.step);
    for (const auto& [name, values] :
         {std::pair{"shift", &step.shift}, std::pair{"factor", &step.factor}}) {
      if (!values->empty()) {  // one value stands for all features
        std::vector<double> wide(static_cast<std::size_t>(d), values->front());
        if (values->size() > 1) {
          wide = *values;
        }
        file.write({fmt::format("/model/step_{}_{}", number, name),
                    fmt::format("{} of preprocessing step {}", name, to_string(step.step)),
                    "1",
                    {d},
                    {"/model/feature"}},
                   wide);
      }
    }
    ++number;
  }
  file.attribute("/model", "preprocess", names);
  const auto format_name = [](DataFormat format) -> std::string {
    switch (format) {
      case DataFormat::idx:
        return "idx";
      case DataFormat::hdf5:
        return "hdf5";
      case DataFormat::csv:
        return "csv";
      case DataFormat::synthetic:
        return "synthetic";
    }
    return "";
  };
  file.attribute("/model", "input_format", format_name(problem.config.data.format));
  file.attribute(
      "/model", "has_classes",
      static_cast<std::int64_t>(problem.dataset->split(Split::train).label.empty() ? 0 : 1));

  file.create({"/model/train_input",
               "preprocessed training inputs",
               "1",
               {n, d},
               {"/train_sample", "/model/feature"}});
  const Share share = contiguous_share(n, comm.size(), comm.rank());
  std::vector<std::int64_t> positions(static_cast<std::size_t>(share.size()));
  std::iota(positions.begin(), positions.end(), share.begin);
  const auto samples = problem.dataset->load<double>(Split::train, positions);
  file.write_rows("/model/train_input", share.begin, share.size(), samples.x.data());
}

void create_posterior(ResultFile& file, const PosteriorOptions& options,
                      std::span<const double> times, std::int64_t points, std::int64_t outputs) {
  const std::int64_t count = std::ssize(times);
  file.scale("/posterior/time", "time of gradient flow", times);
  const auto create = [&](const char* path, const char* long_name, std::vector<std::int64_t> shape,
                          std::vector<std::string> axes) {
    shape.insert(shape.begin(), count);
    axes.insert(axes.begin(), "/posterior/time");
    file.create({path, long_name, "1", std::move(shape), std::move(axes)});
  };
  create("/posterior/mean", "mean of f at the test samples", {points, outputs},
         {"/test_sample", "/output"});
  create("/posterior/variance", "variance of every output of f at the test samples", {points},
         {"/test_sample"});
  if (options.covariance) {
    create("/posterior/covariance", "covariance of an output of f between test samples",
           {points, points}, {"/test_sample", "/test_sample"});
  }
  if (const auto levels = std::ssize(options.quantiles); levels > 0) {
    file.scale("/posterior/level", "probability of a quantile", options.quantiles);
    create("/posterior/quantile", "quantiles of f at the test samples", {levels, points, outputs},
           {"/posterior/level", "/test_sample", "/output"});
  }
  if (options.samples > 0) {
    write_index_scale(file, "/posterior/draw", "network drawn at random", options.samples);
    create("/posterior/sample", "sample paths of f at the test samples",
           {options.samples, points, outputs}, {"/posterior/draw", "/test_sample", "/output"});
  }
}

void write_law(ResultFile& file, const PosteriorOptions& options, std::int64_t time,
               std::int64_t begin, const GaussianLaw& law, const Communicator& comm) {
  const std::int64_t points = law.mean.rows();
  const std::int64_t outputs = law.mean.cols();
  // Rank 0 writes what all have, in one call for all quantiles and one for all paths: a collective
  // call costs more than its values.
  const bool writes = comm.rank() == 0;
  const std::int64_t mine = writes ? points : 0;
  std::vector<double> mean;
  std::vector<double> quantiles;
  std::vector<double> paths;
  collectively(comm, [&] {
    if (writes) {
      mean = row_major(law.mean.view());
      quantiles = quantiles_of(law, options.quantiles);
      paths = paths_of(law, options.samples);
    }
  });
  file.write_slab_rows("/posterior/mean", time, begin, mine, mean.data());
  file.write_slab_rows("/posterior/variance", time, begin, mine, law.variance.data());
  const std::int64_t start[] = {time, 0, begin, 0};
  if (const auto levels = std::ssize(options.quantiles); levels > 0) {
    const std::int64_t extent[] = {1, levels, mine, outputs};
    file.write_box("/posterior/quantile", start, extent, quantiles.data());
  }
  if (options.samples > 0) {
    const std::int64_t extent[] = {1, options.samples, mine, outputs};
    file.write_box("/posterior/sample", start, extent, paths.data());
  }
  if (law.covariance) {
    for_columns_as_rows(*law.covariance,
                        [&](std::int64_t row, std::int64_t count, const double* values) {
                          file.write_slab_rows("/posterior/covariance", time, row, count, values);
                        });
  }
}

void write_timing(ResultFile& file, const std::vector<Phase>& phases) {
  const auto count = static_cast<std::int64_t>(phases.size());
  write_index_scale(file, "/timing/row", "phase in order of execution", count);
  std::vector<std::string> names;
  std::vector<double> seconds;
  std::vector<double> predicted;
  std::vector<double> flop;
  std::vector<double> bytes;
  std::vector<double> rate;
  for (const auto& [planned, time] : phases) {
    names.push_back(planned.phase);
    seconds.push_back(time);
    predicted.push_back(planned.seconds);
    flop.push_back(planned.flop);
    bytes.push_back(planned.bytes);
    rate.push_back(time > 0.0 ? planned.flop / time * 1e-9 : 0.0);
  }
  const auto info = [&](const char* path, const char* long_name, const char* units) {
    return DatasetInfo{path, long_name, units, {count}, {"/timing/row"}};
  };
  file.write(info("/timing/phase", "name of the phase", "1"), names);
  file.write(info("/timing/seconds", "wall time, maximum over ranks", "s"), seconds);
  if (std::any_of(predicted.begin(), predicted.end(), [](double time) { return time > 0.0; })) {
    file.write(info("/timing/predicted_seconds", "wall time as planned", "s"), predicted);
  }
  file.write(info("/timing/flop", "floating-point operations, all ranks", "1"), flop);
  file.write(info("/timing/bytes", "bytes stored, read or written, all ranks", "B"), bytes);
  file.write(info("/timing/gflops", "rate", "GFLOP/s"), rate);
  file.attribute("/", "status", std::string("complete"));
}

}  // namespace ntkflow::app
