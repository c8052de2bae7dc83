#include <algorithm>
#include <numeric>
#include <optional>

#include <fmt/format.h>
#include <ntkflow_version.h>

#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/experiment/study.hpp>

#include "claim_text.hpp"
#include "commands.hpp"
#include "fail_together.hpp"
#include "kernel_attributes.hpp"
#include "memory.hpp"
#include "problem.hpp"
#include "results.hpp"
#include "stop_signal.hpp"

namespace ntkflow::app {
namespace {

/// Refuses what does not fit, with what would.
void check_memory(const RunConfig& config, const DataShape& shape, int ranks,
                  const AvailableMemory& memory) {
  const auto bytes = [&](const ExperimentOptions& options) {
    return study_bytes(options, config.kernel.architecture, shape, ranks);
  };
  const auto fits = [&](const ExperimentOptions& options) {
    return bytes(options) <= memory.bytes;
  };
  ExperimentOptions options = *config.experiment;
  if (fits(options)) {
    return;
  }
  const std::int64_t needed = bytes(options);
  if (!needs(options.study).networks) {
    throw ResourceError(fmt::format(
        "the study needs {} on a rank, and {} is available: start ranks on more machines, or take "
        "fewer samples, kernels or smaller dimensions",
        format_bytes(static_cast<double>(needed)),
        format_bytes(static_cast<double>(memory.bytes))));
  }
  std::int64_t fitting = 0;
  for (std::int64_t step = std::int64_t{1} << 24; step > 0; step /= 2) {
    options.network.widths.back() = fitting + step;
    fitting += fits(options) ? step : 0;
  }
  throw ResourceError(fmt::format(
      "networks of width {} and what is recorded of them need {} on a rank, and {} is available: "
      "{}start fewer ranks on a machine{}",
      config.experiment->network.widths.back(), format_bytes(static_cast<double>(needed)),
      format_bytes(static_cast<double>(memory.bytes)),
      fitting > 0 ? fmt::format("take widths up to {}, or ", fitting)
                  : "take fewer samples, draws, steps or points, or ",
      options.network.precision == NetworkPrecision::double_precision
          ? ", or set network.precision = \"single\""
          : ""));
}

Matrix<double> all_samples(const Dataset& dataset, Split split) {
  std::vector<std::int64_t> positions(static_cast<std::size_t>(dataset.split(split).size()));
  std::iota(positions.begin(), positions.end(), 0);
  return dataset.load<double>(split, positions).x;
}

/// Says where the learning rate stands beside the largest stable one, or refuses it.
void check_learning_rate(const RunConfig& config, double stable, Report& report) {
  const NetworkOptions& network = config.experiment->network;
  report.line(
      fmt::format("largest stable learning rate 2/lambda_max = {:.4g}; network.learning_rate "
                  "= {:.4g}",
                  stable, network.learning_rate));
  if (network.learning_rate < stable) {
    return;
  }
  const std::string problem = fmt::format(
      "network.learning_rate = {:.6g} is not below {:.6g} = 2/lambda_max, beyond which "
      "descent diverges under the limiting kernel",
      network.learning_rate, stable);
  if (network.unstable == UnstableRate::refuse) {
    throw ConfigError(problem + "; reduce it, or set network.unstable = \"run\" to see it happen");
  }
  report.warning(problem);
}

void report_divergence(const NetworkOptions& options, const StudyResult& result, Report& report) {
  const auto diverged = std::count_if(result.diverged_at.begin(), result.diverged_at.end(),
                                      [](std::int64_t step) { return step >= 0; });
  if (diverged > 0) {
    std::int64_t first = options.steps;
    for (const std::int64_t step : result.diverged_at) {
      first = step >= 0 ? std::min(first, step) : first;
    }
    report.warning(fmt::format(
        "{} of {} networks diverged, the first after step {}; they stand in the result as they "
        "were before",
        diverged, result.diverged_at.size(), first));
  }
}

/// @param stable  the largest stable learning rate, where the networks are trained
void write_network(ResultFile& file, const NetworkOptions& options, std::optional<double> stable,
                   const StudyResult& result) {
  file.attribute("/network", "draws", options.draws);
  file.attribute("/network", "seed", static_cast<std::int64_t>(options.seed));
  file.attribute(
      "/network", "precision",
      std::string(options.precision == NetworkPrecision::single_precision ? "single" : "double"));
  if (stable) {
    file.attribute("/network", "learning_rate", options.learning_rate);
    file.attribute("/network", "stable_learning_rate", *stable);
    file.attribute("/network", "steps", options.steps);
    file.attribute("/network", "method",
                   std::string(options.method == TrainingMethod::flow ? "flow" : "descent"));
  }
  // Axes of its own: readers of netCDF find those of the group and of groups around it only.
  file.scale("/network/width", "units of a hidden layer", std::span(options.widths));
  write_index_scale(file, "/network/draw", "network of each width", options.draws);
  if (!stable) {
    return;
  }
  file.write({"/network/diverged_at",
              "step after which a network had diverged; -1: none",
              "1",
              {std::ssize(options.widths), options.draws},
              {"/network/width", "/network/draw"}},
             result.diverged_at);
}

void write_claims(ResultFile& file, const std::vector<Claim>& claims) {
  const auto count = std::ssize(claims);
  write_index_scale(file, "/claim/number", "claim of the study", count);
  std::vector<std::string> statements;
  std::vector<std::int64_t> passed;
  for (const Claim& claim : claims) {
    statements.push_back(claim.statement);
    passed.push_back(claim.holds() ? 1 : 0);
  }
  const auto info = [&](const char* path, const char* long_name) {
    return DatasetInfo{path, long_name, "1", {count}, {"/claim/number"}};
  };
  const auto numbers = [&](const char* path, const char* long_name, double Claim::*field) {
    std::vector<double> values;
    for (const Claim& claim : claims) {
      values.push_back(claim.*field);
    }
    file.write(info(path, long_name), values);
  };
  file.write(info("/claim/statement", "what is claimed"), statements);
  numbers("/claim/value", "value found", &Claim::value);
  numbers("/claim/expected", "value in theory", &Claim::expected);
  numbers("/claim/tolerance", "largest distance at which the claim holds", &Claim::tolerance);
  file.write(info("/claim/passed", "whether |value - expected| <= tolerance"), passed);
}

void write_result(ResultFile& file, const StudyResult& result) {
  for (const StudyAxis& axis : result.axes) {
    if (const auto* counts = std::get_if<std::vector<std::int64_t>>(&axis.values)) {
      file.scale(axis.path, axis.long_name, *counts);
    } else {
      file.scale(axis.path, axis.long_name, std::get<std::vector<double>>(axis.values), axis.units);
    }
  }
  for (const StudyData& data : result.data) {
    file.write(data.info, data.values);
  }
  for (const StudyNames& names : result.names) {
    file.write(names.info, names.values);
  }
  for (const StudyAttribute& attribute : result.attributes) {
    file.attribute(attribute.object, attribute.name, attribute.value);
  }
  if (!result.claims.empty()) {
    write_claims(file, result.claims);
  }
}

/// The samples of the study's data, recorded in the file. Collective over comm.
void read_samples(const Communicator& comm, const RunConfig& config, Report& report,
                  ResultFile& file, StudyProblem& problem) {
  std::optional<Dataset> dataset;
  report.phase({"read data"}, [&] {
    dataset.emplace(comm, config.data, report);
    problem.x = all_samples(*dataset, Split::train);
    problem.test_x = all_samples(*dataset, Split::test);
  });
  const SplitInfo& train = dataset->split(Split::train);
  const SplitInfo& test = dataset->split(Split::test);
  problem.y = train.target.clone();
  problem.label = train.label;
  problem.test_y = test.target.clone();
  problem.test_label = test.label;
  write_data(file, *dataset);
}

/// The largest stable learning rate of the study's networks; refuses one beyond. Collective.
double stable_rate(const Communicator& comm, const RunConfig& config, const StudyProblem& problem,
                   Report& report) {
  double stable = 0.0;
  report.phase({"limiting kernel"},
               [&] { collectively(comm, [&] { stable = stable_learning_rate(problem); }); });
  stable = comm.min(stable);  // one number, by which all ranks decide
  check_learning_rate(config, stable, report);
  return stable;
}

/// Everything after the checks. Collective over comm.
void run_and_write(const Communicator& comm, const CommandLine& line, const RunConfig& config,
                   const DataShape& shape, int threads, Report& report, ResultFile& file) {
  const StudyNeeds needed = needs(config.experiment->study);
  StudyProblem problem;
  problem.options = *config.experiment;
  problem.architecture = config.kernel.architecture;
  problem.type = config.kernel.type;
  write_provenance(file, comm, line.text, {1, comm.size()}, 0, threads);
  file.attribute("/", "config", config.effective_toml);
  file.attribute("/", "experiment", to_string(problem.options.study));
  if (needed.data) {
    read_samples(comm, config, report, file, problem);
  }
  if (!needed.kernels) {
    write_kernel_attributes(file, config.kernel);
  }
  std::optional<double> stable;
  if (needed.training) {
    stable = stable_rate(comm, config, problem, report);
  }
  const StudyResult result =
      report.phase({needed.networks ? "networks" : "study",
                    study_flop(problem.options, problem.architecture, shape)},
                   [&] { return run_study(comm, problem, report); });
  report_divergence(problem.options.network, result, report);
  for (const std::string& text : result.lines) {
    report.line("  " + text);
  }
  for (const Claim& claim : result.claims) {
    report.line("  " + claim_text(claim));
  }
  const std::int64_t peak = comm.max(peak_resident_bytes());
  report.phase({"write"}, [&] {
    write_result(file, result);
    if (needed.networks) {
      write_network(file, problem.options.network, stable, result);
    }
    file.attribute("/timing", "peak_resident_bytes", peak);
    file.attribute("/timing", "planned_bytes",
                   study_bytes(problem.options, problem.architecture, shape, comm.size()));
    write_timing(file, report.phases());
    file.commit();
  });
  report.line(report.timing_table());
  report.line("result: " + file.path());
}

/// What the study is about, for the header. Local.
std::string describe_study(const RunConfig& config, const DataShape& shape) {
  const ExperimentOptions& options = *config.experiment;
  const StudyNeeds needed = needs(options.study);
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (needed.data) {
    add(fmt::format("{} training samples, {} inputs", shape.train_size, shape.dimension));
  }
  if (needed.kernels) {
    add(fmt::format("{} kernel{}", options.kernels.size(), options.kernels.size() == 1 ? "" : "s"));
  }
  if (needed.networks) {
    const NetworkOptions& network = options.network;
    add(fmt::format("{} networks of each of {} width{}", network.draws, network.widths.size(),
                    network.widths.size() == 1 ? "" : "s"));
    if (needed.training) {
      add(fmt::format("{} steps", network.steps));
    }
  }
  return text;
}

}  // namespace

void experiment(const Communicator& comm, const CommandLine& line) {
  watch_stop_signals();
  Report report(comm, line);
  const RunConfig config = read_config(comm, line);
  // One thread for each network, so that sums are made in one order on any number of ranks.
  ParallelOptions parallel = config.parallel;
  parallel.threads = parallel.threads.value_or(1);
  const int threads = choose_threads(comm, parallel, report);
  report.detail(config.effective_toml);
  DataShape shape;
  collectively(comm, [&] {
    if (needs(config.experiment->study).data) {
      shape = inspect_data(config.data);
    }
    check_study(*config.experiment, shape);
  });
  const AvailableMemory memory = least_available_memory(comm);
  collectively(comm, [&] { check_memory(config, shape, comm.size(), memory); });
  const Architecture& architecture = config.kernel.architecture;
  check_output(comm, config.output.file, line.overwrite,
               (1 << 20) + study_file_bytes(*config.experiment, architecture, shape),
               input_files(line.file, config.data));

  report.line(fmt::format("ntkflow {} ({}), {} rank{} x {} thread{}: {}", NTKFLOW_VERSION,
                          NTKFLOW_GIT_REVISION, comm.size(), comm.size() == 1 ? "" : "s", threads,
                          threads == 1 ? "" : "s", to_string(config.experiment->study)));
  const std::string described = describe_study(config, shape);
  report.line(fmt::format(
      "{}{}{} per rank of {} available", described, described.empty() ? "" : "; ",
      format_bytes(
          static_cast<double>(study_bytes(*config.experiment, architecture, shape, comm.size()))),
      format_bytes(static_cast<double>(memory.bytes))));
  ResultFile file(comm, config.output.file, line.overwrite);
  fail_together(comm, file.path(),
                [&] { run_and_write(comm, line, config, shape, threads, report, file); });
}

}  // namespace ntkflow::app
