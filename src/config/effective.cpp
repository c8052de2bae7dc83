#include "effective.hpp"

#include <limits>
#include <string_view>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/base/contract.hpp>

#include "names.hpp"
#include "paths.hpp"
#include "read_tables.hpp"
#include "schema.hpp"
#include "toml_text.hpp"

namespace ntkflow::config {

namespace {

std::string toml_value(std::string_view text) {
  return toml_string(text);
}
std::string toml_value(double value) {
  return toml_float(value);
}
template <class Integer>
requires std::is_integral_v<Integer> std::string toml_value(Integer value) {
  return fmt::format("{}", value);
}

/// A path as it must be written so that nothing in it is replaced.
std::string toml_path(std::string_view path) {
  return toml_string(escape_environment(path));
}

template <class Value>
std::string toml_list(const std::vector<Value>& values) {
  std::vector<std::string> items;
  items.reserve(values.size());
  for (const Value& value : values) {
    items.push_back(toml_value(value));
  }
  return fmt::format("[{}]", fmt::join(items, ", "));
}

/// Tables and keys one after the other; each must be in the schema.
class Writer {
 public:
  void table(std::string_view name) {
    table_ = &table_spec(name);
    text_ += fmt::format("{}[{}]\n", text_.empty() ? "" : "\n", name);
  }
  /// @param value  as TOML
  void raw(std::string_view key, std::string_view value) {
    NTKFLOW_EXPECTS(table_->find(key) != nullptr, key);
    text_ += fmt::format("{} = {}\n", key, value);
  }
  template <class Value>
  void value(std::string_view key, const Value& value) {
    raw(key, toml_value(value));
  }
  template <class Enum, std::size_t size>
  void name(std::string_view key, const Names<Enum, size>& names, Enum value) {
    raw(key, toml_string(name_of(names, value)));
  }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  const TableSpec* table_ = nullptr;
  std::string text_;
};

std::string files_text(const DataFiles& files) {
  return files.targets.empty() ? fmt::format("{{ inputs = {} }}", toml_path(files.inputs))
                               : fmt::format("{{ inputs = {}, targets = {} }}",
                                             toml_path(files.inputs), toml_path(files.targets));
}

std::string targets_text(const TargetOptions& targets) {
  std::string text =
      fmt::format("{{ encoding = {}", toml_string(name_of(kTargetEncodings, targets.encoding)));
  if (targets.encoding == TargetEncoding::one_hot) {
    text += fmt::format(", on = {}, off = {}", toml_float(targets.on), toml_float(targets.off));
  }
  if (targets.classes) {
    text += fmt::format(", classes = {}", *targets.classes);
  }
  return text + " }";
}

void write_data(Writer& out, const DataOptions& data) {
  out.table("data");
  out.name("format", kDataFormats, data.format);
  if (data.format == DataFormat::synthetic) {
    out.name("kind", kSyntheticKinds, data.synthetic.kind);
    if (data.synthetic.size) {
      out.value("size", *data.synthetic.size);
    }
    out.value("dimension", data.synthetic.dimension);
    out.value("target", data.synthetic.target);
  } else {
    out.raw("train", files_text(data.train));
    if (!data.test.inputs.empty()) {
      out.raw("test", files_text(data.test));
    }
  }
  if (data.train_size) {
    out.value("train_size", *data.train_size);
  }
  out.value("train_offset", data.train_offset);
  if (data.test_size) {
    out.value("test_size", *data.test_size);
  }
  out.name("subset", kSubsetRules, data.subset);
  out.value("seed", data.seed);
  std::vector<std::string_view> steps;
  for (const PreprocessStep step : data.preprocess) {
    steps.push_back(name_of(kPreprocessSteps, step));
  }
  out.raw("preprocess", toml_list(steps));
  out.raw("targets", targets_text(data.targets));
  if (!data.target_columns.empty()) {
    out.raw("target_columns", toml_list(data.target_columns));
  }
}

void write_named_kernel(Writer& out, const NamedKernel& kernel) {
  out.value("type", kernel.name);
  const auto parameters = kernel_parameters(kernel.name);
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const double value = kernel.parameters[k];
    if (parameters[k].is_integer) {
      out.value(parameters[k].name, static_cast<std::int64_t>(value));
    } else {
      out.value(parameters[k].name, value);
    }
  }
}

void write_kernel(Writer& out, const KernelOptions& kernel) {
  const Architecture& architecture = kernel.architecture;
  out.table("kernel");
  if (kernel.named) {
    write_named_kernel(out, *kernel.named);
    return;
  }
  out.name("type", kKernelTypes, kernel.type);
  out.raw("activation", activation_toml(architecture.activation));
  out.value("depth", architecture.depth);
  if (architecture.first_layer == FirstLayer::plain) {
    out.name("preset", kPresets, Preset::arora);  // the variances alone do not say it
  } else {
    out.value("weight_variance", architecture.weight_variance);
    out.value("bias_variance", architecture.bias_variance);
  }
}

std::string times_text(const std::vector<double>& times, const std::optional<TimeGrid>& grid) {
  if (grid) {
    return fmt::format("{{ start = {}, stop = {}, count = {}, spacing = {} }}",
                       toml_float(grid->start), toml_float(grid->stop), grid->count,
                       toml_string(name_of(kSpacings, grid->spacing)));
  }
  return times == std::vector{std::numeric_limits<double>::infinity()} ? toml_string("infinity")
                                                                       : toml_list(times);
}

void write_steps(Writer& out, const DynamicsOptions& dynamics,
                 const std::optional<TimeGrid>& grid) {
  const std::vector<std::int64_t> steps(dynamics.times.begin(), dynamics.times.end());
  out.raw("steps", grid ? times_text(dynamics.times, grid) : toml_list(steps));
  out.value("learning_rate", dynamics.learning_rate);
  if (dynamics.optimizer != Optimizer::gradient_descent) {
    out.value("momentum", dynamics.momentum);
  }
  out.name("unstable", kUnstableRates, dynamics.unstable);
}

void write_stages(Writer& out, const RunConfig& run, const TimeGrids& grids) {
  if (const auto& regression = run.regression) {
    out.table("regression");
    if (const auto& path = regression->path) {
      out.raw("ridge", times_text(path->ridges, grids.ridge));
      if (path->select) {
        out.name("select", kRidgeCriteria, *path->select);
      }
      out.name("path_method", kRidgePathMethods, path->method);
    } else {
      out.value("ridge", regression->ridge.value);
    }
    out.name("ridge_scale", kRidgeScales, regression->ridge.scale);
    out.name("precision", kPrecisions, regression->precision);
    out.name("factorization", kFactorizations, regression->factorization);
    out.name("solver", kSolvers, Solver::cholesky);
  }
  if (const auto& dynamics = run.dynamics) {
    out.table("dynamics");
    out.name("optimizer", kOptimizers, dynamics->optimizer);
    if (dynamics->optimizer == Optimizer::flow) {
      out.raw("times", times_text(dynamics->times, grids.dynamics));
    } else {
      write_steps(out, *dynamics, grids.dynamics);
    }
    out.name("time_unit", kTimeUnits, dynamics->time_unit);
    out.name("method", kFlowMethods, dynamics->method);
    out.name("products", kFlowProducts, dynamics->products);
    out.value("tolerance", dynamics->tolerance);
    out.name("initial", kInitialFunctions, dynamics->initial);
    out.value("seed", dynamics->seed);
  }
  if (const auto& posterior = run.posterior) {
    out.table("posterior");
    out.raw("times", times_text(posterior->times, grids.posterior));
    out.name("time_unit", kTimeUnits, posterior->time_unit);
    out.name("training", kTrainedLayers, posterior->training);
    out.value("covariance", posterior->covariance);
    out.raw("quantiles", toml_list(posterior->quantiles));
    out.value("samples", posterior->samples);
    out.value("seed", posterior->seed);
  }
  if (const auto& functions = run.random_functions) {
    out.table("random_functions");
    out.raw("counts", toml_list(functions->counts));
    out.name("source", kFunctionSources, functions->source);
    if (functions->source == FunctionSource::network) {
      out.value("width", functions->width);
    }
    out.value("draws", functions->draws);
    out.value("seed", functions->seed);
  }
  if (const auto& spectrum = run.spectrum) {
    out.table("spectrum");
    out.raw("count", spectrum->count ? toml_value(*spectrum->count) : toml_string("all"));
    out.value("vectors", spectrum->vectors);
    out.name("method", kSpectrumMethods, spectrum->method);
    if (may_iterate(*spectrum)) {
      out.value("tolerance", spectrum->tolerance);
      out.value("seed", spectrum->seed);
    }
    if (!spectrum->ridges.empty()) {
      out.raw("effective_dimension", times_text(spectrum->ridges, grids.spectrum_ridges));
    }
    out.raw("times", times_text(spectrum->times, grids.spectrum));
    out.value("modes", spectrum->modes);
    out.raw("loss", toml_list(spectrum->losses));
    if (!spectrum->losses.empty()) {
      out.value("learning_rate", spectrum->learning_rate);
    }
    out.value("projections", spectrum->projections);
    out.value("centre", spectrum->centre);
  }
}

void write_network(Writer& out, const NetworkOptions& network, bool trains) {
  out.table("network");
  out.raw("widths", toml_list(network.widths));
  out.value("draws", network.draws);
  out.value("seed", network.seed);
  out.name("precision", kNetworkPrecisions, network.precision);
  if (trains) {
    out.value("learning_rate", network.learning_rate);
    out.value("steps", network.steps);
    out.name("method", kTrainingMethods, network.method);
    out.name("unstable", kUnstableRates, network.unstable);
  }
}

/// Kernels of a list, one a line.
std::string kernels_text(const std::vector<Architecture>& kernels) {
  std::string text = "[";
  for (const Architecture& kernel : kernels) {
    const std::string variances =
        kernel.first_layer == FirstLayer::plain
            ? fmt::format("preset = {}", toml_string(name_of(kPresets, Preset::arora)))
            : fmt::format("weight_variance = {}, bias_variance = {}",
                          toml_float(kernel.weight_variance), toml_float(kernel.bias_variance));
    text += fmt::format("\n  {{ activation = {}, {} }},", activation_toml(kernel.activation),
                        variances);
  }
  return text + "\n]";
}

void write_experiment(Writer& out, const ExperimentOptions& experiment) {
  const StudyNeeds needed = needs(experiment.study);
  if (needed.networks) {
    write_network(out, experiment.network, needed.training);
  }
  out.table("experiment");
  out.name("name", kStudies, experiment.study);
  if (needed.kernels) {
    out.raw("kernels", kernels_text(experiment.kernels));
  }
  if (is_zonal(experiment.study)) {
    out.raw("dimensions", toml_list(experiment.zonal.dimensions));
    out.value("depths", experiment.zonal.depth);
    out.value("degree", experiment.zonal.degree);
  }
  if (experiment.study == Study::sphere) {
    out.value("samples", experiment.zonal.samples);
    out.value("seed", experiment.zonal.seed);
  }
  if (draws_curves(experiment.study)) {
    out.value("points", experiment.points);
  }
  if (experiment.study == Study::gaussian_limit) {
    out.raw("quantiles", toml_list(experiment.quantiles));
  }
  if (experiment.study == Study::principal_components) {
    out.value("component", experiment.component);
    out.value("amplitude", experiment.amplitude);
  }
  if (experiment.study == Study::descent) {
    out.raw("features", toml_list(experiment.descent.features));
    out.raw("ridge", toml_list(experiment.descent.ridges));
    out.value("noise", experiment.descent.noise);
  }
  if (experiment.study == Study::finite_width_bound) {
    out.raw("epsilons", toml_list(experiment.width_bound.epsilons));
    out.value("confidence", experiment.width_bound.confidence);
    out.raw("separations", toml_list(experiment.width_bound.separations));
  }
  if (experiment.study == Study::depth) {
    out.value("depths", experiment.depth.depths);
    out.value("ridge", experiment.depth.ridge);
  }
  if (experiment.study == Study::learning_rate) {
    out.raw("rates", toml_list(experiment.learning_rate.rates));
    out.value("steps", experiment.learning_rate.steps);
  }
  if (experiment.study == Study::early_stopping) {
    out.value("label_noise", experiment.early_stopping.label_noise);
    out.value("seed", experiment.early_stopping.seed);
  }
  if (experiment.study == Study::sample_complexity) {
    const SampleComplexityOptions& options = experiment.sample_complexity;
    out.raw("dimensions", toml_list(options.dimensions));
    out.raw("ratios", toml_list(options.ratios));
    out.value("test_size", options.test_size);
    out.value("draws", options.draws);
    out.value("seed", options.seed);
  }
}

void write_output(Writer& out, const OutputOptions& output) {
  out.table("output");
  out.raw("file", toml_path(output.file));
  out.value("predictions", output.predictions);
  out.value("gram", output.gram);
  out.value("gram_depths", output.gram_depths);
  out.value("model", output.model);
}

void write_parallel(Writer& out, const ParallelOptions& parallel) {
  const std::string automatic = toml_string("auto");
  out.table("parallel");
  out.raw("grid", parallel.grid ? toml_list(std::vector{parallel.grid->rows, parallel.grid->cols})
                                : automatic);
  out.raw("block_size", parallel.block_size ? toml_value(*parallel.block_size) : automatic);
  out.raw("threads", parallel.threads ? toml_value(*parallel.threads) : automatic);
}

}  // namespace

std::string effective_toml(const RunConfig& run, const TimeGrids& grids) {
  Writer out;
  if (!run.experiment || needs(run.experiment->study).data) {
    write_data(out, run.data);
  }
  if (!run.experiment || !needs(run.experiment->study).kernels) {
    write_kernel(out, run.kernel);
  }
  if (!run.experiment) {
    out.name("evaluation", kEvaluationPaths, run.kernel.evaluation);
  }
  write_stages(out, run, grids);
  if (run.experiment) {
    write_experiment(out, *run.experiment);
    out.table("output");
    out.raw("file", toml_path(run.output.file));
    out.table("parallel");
    out.raw("threads",
            run.parallel.threads ? toml_value(*run.parallel.threads) : toml_string("auto"));
    return out.text();
  }
  write_output(out, run.output);
  write_parallel(out, run.parallel);
  return out.text();
}

}  // namespace ntkflow::config

namespace ntkflow {

std::string named_kernel_text(const NamedKernel& kernel) {
  std::string text = kernel.name;
  const auto parameters = kernel_parameters(kernel.name);
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    text += fmt::format(", {} {}", parameters[k].name, kernel.parameters[k]);
  }
  return text;
}

std::string activation_toml(const ActivationSpec& activation) {
  const bool is_expression = activation.name == config::kExpression;
  if (!is_expression && activation.parameters.empty()) {
    return config::toml_string(activation.name);
  }
  std::string text =
      is_expression ? fmt::format("{{ expression = {}", config::toml_string(activation.expression))
                    : fmt::format("{{ name = {}", config::toml_string(activation.name));
  for (const auto& parameter : activation.parameters) {
    text += fmt::format(", {} = {}", parameter.name,
                        is_list(activation.name, parameter)
                            ? config::toml_list(parameter.values)
                            : config::toml_float(parameter.values.front()));
  }
  return text + " }";
}

}  // namespace ntkflow
