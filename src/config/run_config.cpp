#include "ntkflow/config/run_config.hpp"

#include <array>
#include <filesystem>
#include <initializer_list>
#include <string_view>

#include <fmt/format.h>

#include "document.hpp"
#include "effective.hpp"
#include "names.hpp"
#include "paths.hpp"
#include "problems.hpp"
#include "read_tables.hpp"
#include "schema.hpp"
#include "table_reader.hpp"

namespace ntkflow {

namespace {

using config::Problems;
using config::TableReader;

bool has_test_set(const DataOptions& data) {
  return data.test_size.value_or(1) > 0 &&
         (data.format == DataFormat::synthetic ? data.test_size.has_value()
                                               : !data.test.inputs.empty());
}

constexpr std::array kStageTables{"regression", "dynamics", "spectrum", "posterior",
                                  "random_functions"};
constexpr std::array kStudyTables{"network", "experiment"};

/// Tables that have no part in what the configuration is for, and those that are missing.
/// @param experiment  where it is for one
void check_purpose(const toml::table& document, const ConfigSource& source,
                   const std::optional<ExperimentOptions>& experiment, Problems& problems) {
  const bool is_run = source.purpose == ConfigPurpose::run;
  const auto complain = [&](std::string_view table, const std::string& sentence) {
    if (const toml::node* node = document.get(table)) {
      problems.add(node->source(), std::string(table), sentence);
    }
  };
  const auto refuse = [&](const char* table, const char* command) {
    complain(table, fmt::format("this table is for `ntkflow {}`; remove it", command));
  };
  if (is_run) {
    for (const char* table : kStudyTables) {
      refuse(table, "experiment");
    }
  } else {
    for (const char* table : kStageTables) {
      refuse(table, "run");
    }
  }
  const auto require = [&](const char* table) {
    if (!document.contains(table)) {
      problems.add(table, fmt::format("the table [{}] is missing", table));
    }
  };
  const StudyNeeds needed = experiment
                                ? needs(experiment->study)
                                : StudyNeeds{.data = true, .networks = false, .training = false};
  for (const auto& [table, is_needed] : {std::pair{"data", needed.data},
                                         {"kernel", !needed.kernels},
                                         {"network", needed.networks}}) {
    if (is_needed) {
      require(table);
    } else if (!is_run) {
      complain(table, fmt::format("the study \"{}\" has no use for this table; remove it",
                                  to_string(experiment->study)));
    }
  }
  if (!source.output_file) {
    require("output");
  }
}

/// Keys that a run has a use for and a study has not.
void check_study(const RunConfig& run, const TableReader& data, const TableReader& kernel,
                 const TableReader& output, const TableReader& parallel) {
  const auto refuse = [](const TableReader& table, std::initializer_list<const char*> keys) {
    for (const char* key : keys) {
      if (table.has(key)) {
        table.complain(key, "an experiment has no use for this key; remove it");
      }
    }
  };
  refuse(kernel, {"evaluation"});
  refuse(output, {"predictions", "gram", "gram_depths", "model"});
  refuse(parallel, {"grid", "block_size"});
  const Study study = run.experiment->study;
  const TargetEncoding encoding = run.data.targets.encoding;
  if (data.present() && study == Study::early_stopping && encoding != TargetEncoding::one_hot) {
    data.complain("targets",
                  "label noise needs one output for each class; allowed: encoding = \"one_hot\"");
  }
  if (data.present() && study == Study::depth && encoding == TargetEncoding::raw) {
    data.complain("targets",
                  "this study counts samples that are classified rightly, so it needs classes; "
                  "allowed: encoding = \"one_hot\" | \"class_index\"");
  }
  if (!needs(run.experiment->study).networks) {
    return;
  }
  if (run.kernel.type != KernelType::ntk) {
    kernel.complain("type", "networks are trained in all layers; allowed: \"ntk\"");
  }
  if (run.kernel.architecture.depth < 2 && !run.kernel.named) {
    kernel.complain("depth",
                    "a network of one layer has no hidden units, so that no width brings it "
                    "nearer to its limit; allowed: an integer >= 2");
  }
}

/// What tables say about each other.
void check_together(const RunConfig& run, const TableReader& output, const TableReader& posterior) {
  if (run.posterior && !has_test_set(run.data)) {
    posterior.complain(
        "times",
        "the law of f_t is that at the test points, and [data] has no test set; give "
        "data.test, or data.test_size of synthetic data");
  }
  if (run.output.gram_depths && run.kernel.named && run.kernel.named->name != "arccos") {
    output.complain(
        "gram_depths",
        fmt::format("the kernel of type = \"{}\" has no depths; set it to false, and gram "
                    "= true for the kernel itself",
                    run.kernel.named->name));
  }
  if (run.output.model && !run.regression) {
    output.complain("model",
                    "a model holds the coefficients of [regression], and that table is missing; "
                    "add it or set model = false");
  }
  if (run.output.model && run.dynamics &&
      run.dynamics->initial == InitialFunction::gaussian_process) {
    output.complain("model",
                    "with dynamics.initial = \"gaussian_process\" the initial function is known "
                    "only at this run's points, so a model could not predict new ones; set model = "
                    "false or dynamics.initial = \"zero\"");
  }
  for (const DataFiles* files : {&run.data.train, &run.data.test}) {
    for (const std::string* path : {&files->inputs, &files->targets}) {
      const std::string file =
          run.data.format == DataFormat::hdf5 ? config::split_dataset_path(*path).file : *path;
      if (!file.empty() && file == run.output.file) {
        output.complain("file", fmt::format("\"{}\" is an input of [data]; name another file for "
                                            "the result",
                                            file));
        return;
      }
    }
  }
}

void check_functions(const RunConfig& run, const TableReader& functions) {
  if (run.random_functions && !run.regression) {
    functions.complain("counts",
                       "the models are compared with the kernel regression of [regression], and "
                       "that table is missing; add it");
  }
  if (run.random_functions && !has_test_set(run.data)) {
    functions.complain("counts",
                       "the models are compared at the test points, and [data] has no test set; "
                       "give data.test, or data.test_size of synthetic data");
  }
}

}  // namespace

RunConfig parse_config(const ConfigSource& source) {
  Problems problems(source.path.empty() ? "configuration" : source.path);
  const toml::table document = config::read_document(source, problems);
  config::check_tables(document, problems);
  const auto open = [&](std::string_view table) {
    return config::open_table(document, table, problems);
  };
  const std::string folder = std::filesystem::path(source.path).parent_path().string();

  const TableReader data = open("data");
  const TableReader kernel = open("kernel");
  const TableReader regression = open("regression");
  const TableReader dynamics = open("dynamics");
  const TableReader posterior = open("posterior");
  const TableReader spectrum = open("spectrum");
  const TableReader functions = open("random_functions");
  const TableReader network = open("network");
  const TableReader experiment = open("experiment");
  const TableReader output = open("output");
  const TableReader parallel = open("parallel");

  RunConfig run;
  config::TimeGrids grids;
  if (data.present()) {
    run.data = config::read_data(data, folder);
  }
  run.kernel = config::read_kernel(kernel);
  if (regression.present()) {
    auto read = config::read_regression(regression);
    run.regression = std::move(read.options);
    grids.ridge = read.grid;
  }
  if (dynamics.present()) {
    auto read = config::read_dynamics(dynamics);
    run.dynamics = std::move(read.options);
    grids.dynamics = read.grid;
  }
  if (posterior.present()) {
    auto read = config::read_posterior(posterior, run.kernel);
    run.posterior = std::move(read.options);
    grids.posterior = read.grid;
  }
  if (spectrum.present()) {
    auto read = config::read_spectrum(spectrum);
    run.spectrum = std::move(read.options);
    grids.spectrum = read.grid;
    grids.spectrum_ridges = read.ridge_grid;
  }
  if (functions.present()) {
    run.random_functions = config::read_random_functions(functions, run.kernel);
  }
  if (output.present() || source.output_file) {
    run.output = config::read_output(output, folder, source.output_file);
  }
  run.parallel = config::read_parallel(parallel);
  if (source.purpose == ConfigPurpose::experiment) {
    run.experiment = config::read_experiment(network, experiment, source.study);
    check_study(run, data, kernel, output, parallel);
  }
  check_purpose(document, source, run.experiment, problems);
  check_together(run, output, posterior);
  check_functions(run, functions);
  problems.throw_if_any();
  run.effective_toml = config::effective_toml(run, grids);
  return run;
}

std::vector<std::string> study_names() {
  return config::all_names(config::kStudies);
}

std::string to_string(Study study) {
  return std::string(config::name_of(config::kStudies, study));
}

std::string config_help() {
  std::string text;
  for (const config::TableSpec& table : config::schema()) {
    text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", table.name);
    for (const config::KeySpec& key : table.keys) {
      text += fmt::format("  {:<15} {}\n  {:<15}   {}\n", key.name, key.meaning, "", key.allowed);
    }
  }
  return text;
}

}  // namespace ntkflow
