#include <algorithm>
#include <array>
#include <memory>
#include <numeric>
#include <sstream>

#include <fmt/format.h>

#include <ntkflow/data/dataset.hpp>
#include <ntkflow/data/input_file.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/gram/kernel_matrix.hpp>
#include <ntkflow/io/hdf5_reader.hpp>
#include <ntkflow/io/result_file.hpp>
#include <ntkflow/linalg/cholesky.hpp>
#include <ntkflow/regression/scores.hpp>

#include "commands.hpp"
#include "fail_together.hpp"
#include "kernel_attributes.hpp"
#include "memory.hpp"
#include "plan_constants.hpp"
#include "problem.hpp"
#include "report.hpp"
#include "results.hpp"

namespace ntkflow::app {
namespace {

/// What a model file says beside its arrays.
struct Model {
  KernelOptions kernel;
  Preprocessor preprocessor;
  std::string input_format;
  bool has_classes = false;
  std::int64_t train_size = 0;
  std::int64_t dimension = 0;
  Matrix<double> coefficients;  ///< [N x C]
};

Preprocessor read_preprocessor(const Hdf5Reader& file, std::int64_t dimension) {
  std::vector<FittedStep> steps;
  std::istringstream names(required<std::string>(file, "/model", "preprocess"));
  for (std::string name; std::getline(names, name, ',');) {
    const auto step = preprocess_step_from(name);
    if (!step) {
      throw DataError(
          fmt::format("the model file names the unknown preprocessing step '{}'", name));
    }
    FittedStep fitted{*step, {}, {}};
    for (auto& [part, values] :
         {std::pair{"shift", &fitted.shift}, std::pair{"factor", &fitted.factor}}) {
      const std::string path = fmt::format("/model/step_{}_{}", steps.size(), part);
      if (file.has(path)) {
        *values = file.read_all(path);
        if (static_cast<std::int64_t>(values->size()) != dimension) {
          throw DataError(fmt::format("{} of the model file has {} values for {} inputs", path,
                                      values->size(), dimension));
        }
        if (*step == PreprocessStep::center) {
          values->resize(1);
        }
      }
    }
    steps.push_back(std::move(fitted));
  }
  return Preprocessor(std::move(steps));
}

Model read_model(const Hdf5Reader& file, const std::string& path) {
  if (!file.has("/model") || !file.has("/regression/coefficients")) {
    throw DataError(fmt::format(
        "{} holds no model: run with output.model = true and a [regression] table", path));
  }
  Model model;
  const auto inputs = file.shape("/model/train_input");
  const auto coefficients = file.shape("/regression/coefficients");
  if (inputs.size() != 2 || coefficients.size() != 2 || inputs[0] != coefficients[0]) {
    throw DataError(fmt::format(
        "{}: shapes of /model/train_input and /regression/coefficients do not match", path));
  }
  model.train_size = inputs[0];
  model.dimension = inputs[1];
  model.kernel = read_kernel_attributes(file);
  model.preprocessor = read_preprocessor(file, model.dimension);
  model.input_format = required<std::string>(file, "/model", "input_format");
  model.has_classes = required<std::int64_t>(file, "/model", "has_classes") != 0;

  const auto values = file.read_all("/regression/coefficients");
  model.coefficients = Matrix<double>(coefficients[0], coefficients[1]);
  for (std::int64_t i = 0; i < coefficients[0]; ++i) {
    for (std::int64_t j = 0; j < coefficients[1]; ++j) {
      model.coefficients(i, j) = values[static_cast<std::size_t>(i * coefficients[1] + j)];
    }
  }
  return model;
}

DataFormat chosen_format(const CommandLine& line, const Model& model) {
  const std::string& name = line.format.empty() ? model.input_format : line.format;
  if (name == "idx") {
    return DataFormat::idx;
  }
  if (name == "hdf5") {
    return DataFormat::hdf5;
  }
  if (name == "csv") {
    return DataFormat::csv;
  }
  if (line.format.empty()) {
    throw ConfigError(
        "the model was trained on synthetic data: name the format of the inputs with --format");
  }
  throw ConfigError(fmt::format("--format {}: allowed are idx, hdf5 and csv", name));
}

/// Rows of the stored training inputs at the positions of `map`, [d x local_size].
Matrix<double> read_training_inputs(const Hdf5Reader& file, const Model& model,
                                    const BlockCyclic& map) {
  Matrix<double> x(model.dimension, map.local_size());
  for (std::int64_t first = 0; first < x.cols(); first += map.block()) {
    const std::int64_t count = std::min(map.block(), x.cols() - first);
    file.read_rows("/model/train_input", map.to_global({first}).value, count, x.column(first));
  }
  return x;
}

/// Refuses before work what does not fit: training inputs of this rank's rows, new inputs of its
/// columns, coefficients.
void require_memory(const Communicator& comm, const Model& model, std::int64_t m) {
  const GridShape grid = automatic_grid(comm.size());
  const std::int64_t block = automatic_block_size(model.train_size, grid);
  const std::int64_t samples = BlockCyclic(model.train_size, block, grid.rows, 0).local_size() +
                               BlockCyclic(m, block, grid.cols, 0).local_size();
  const std::int64_t bytes =
      (samples * model.dimension + (2 * model.train_size + 3 * m) * model.coefficients.cols()) * 8 +
      kProgramBytes + kPackingBytes;
  const std::int64_t available = least_available_memory(comm).bytes;
  if (bytes > available) {
    throw ResourceError(
        fmt::format("these predictions need {} on each of {} ranks, and {} is available to each; "
                    "use ranks on more "
                    "nodes, or predict for fewer inputs at a time",
                    format_bytes(static_cast<double>(bytes)), comm.size(),
                    format_bytes(static_cast<double>(available))));
  }
}

}  // namespace

void predict(const Communicator& comm, const CommandLine& line) {
  Report report(comm, line);
  const int threads = choose_threads(comm, {}, report);
  Model model;
  std::unique_ptr<Hdf5Reader> file;
  std::unique_ptr<InputFile> inputs;
  collectively(comm, [&] {
    file = std::make_unique<Hdf5Reader>(line.file);
    model = read_model(*file, line.file);
    inputs = std::make_unique<InputFile>(chosen_format(line, model), line.inputs);
    if (inputs->dimension() != model.dimension) {
      throw DataError(fmt::format("{} has {} inputs per sample, and the model was trained on {}",
                                  line.inputs, inputs->dimension(), model.dimension));
    }
  });
  const std::int64_t outputs = model.coefficients.cols();
  const std::int64_t m = inputs->size();
  require_memory(comm, model, m);
  const std::string inputs_file = line.inputs.substr(0, line.inputs.rfind(":/"));
  check_output(comm, *line.output_file, line.overwrite, m * (outputs + 2) * 8,
               std::array{line.file, inputs_file});

  fail_together(comm, *line.output_file, [&] {
    const auto grid = ProcessGrid::create(comm, automatic_grid(comm.size()));
    const std::int64_t block = automatic_block_size(model.train_size, grid->shape());
    const BlockCyclic rows(model.train_size, block, grid->shape().rows, grid->row());
    const BlockCyclic cols(m, block, grid->shape().cols, grid->col());
    std::shared_ptr<const KernelEvaluator<double>> evaluator;
    std::shared_ptr<const KernelSamples<double>> train;
    std::shared_ptr<const KernelSamples<double>> fresh;
    report.phase(
        {"read data", 0.0, static_cast<double>((model.train_size + m) * model.dimension * 8)}, [&] {
          Matrix<double> train_x;
          Matrix<double> fresh_x;
          NormRange norms;
          collectively(comm, [&] {
            train_x = read_training_inputs(*file, model, rows);
            const auto positions = local_positions(cols);
            fresh_x = inputs->read(positions);
            model.preprocessor.apply(fresh_x.view(), line.inputs, positions.data());
            norms = join(norm_range<double>(train_x.view()), norm_range<double>(fresh_x.view()));
          });
          norms = {comm.min(norms.smallest), comm.max(norms.largest)};
          collectively(comm, [&] {
            evaluator = std::make_shared<const KernelEvaluator<double>>(model.kernel.architecture,
                                                                        model.dimension, norms);
            train = std::make_shared<const KernelSamples<double>>(*evaluator, std::move(train_x));
            fresh = std::make_shared<const KernelSamples<double>>(*evaluator, std::move(fresh_x));
          });
        });
    report.line(describe_kernel(model.kernel, *evaluator));
    const KernelMatrix<double> kernel(grid, evaluator, model.kernel.type, rows, train, cols, fresh);
    const double pairs = static_cast<double>(model.train_size) * static_cast<double>(m);
    const Matrix<double> prediction =
        report.phase({"predictions", 2.0 * pairs * static_cast<double>(model.dimension + outputs)},
                     [&] { return kernel.multiply_transposed(model.coefficients, report); });

    ResultFile result(comm, *line.output_file, line.overwrite);
    write_provenance(result, comm, line.text, grid->shape(), block, threads);
    write_index_scale(result, "/sample", "row of the inputs", m);
    write_index_scale(result, "/output", "output of the network", outputs);
    result.attribute("/prediction", "model", line.file);
    result.attribute("/prediction", "inputs", line.inputs);
    result.write({"/prediction/value",
                  "outputs at the new samples",
                  "1",
                  {m, outputs},
                  {"/sample", "/output"}},
                 row_major(prediction.view()));
    if (model.has_classes) {
      result.write(
          {"/prediction/class", "predicted class of each new sample", "1", {m}, {"/sample"}},
          predicted_classes(prediction.view()));
    }
    write_timing(result, report.phases());
    result.commit();
    report.line(fmt::format("{} predictions\nresult: {}", m, result.path()));
  });
}

}  // namespace ntkflow::app
