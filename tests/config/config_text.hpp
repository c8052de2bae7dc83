#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/config/run_config.hpp>

namespace ntkflow::test {

/// A configuration put together from tables, so that a test writes only what it is about: each
/// table has a body that does, until it is replaced.
struct ConfigText {
  std::string data = "train = { inputs = \"x.gz\", targets = \"y.gz\" }\n";
  std::string kernel;
  std::string output = "file = \"out.h5\"\n";
  std::string more;  ///< further tables

  [[nodiscard]] std::string text() const {
    return "[data]\n" + data + "\n[kernel]\n" + kernel + "\n[output]\n" + output + "\n" + more;
  }
};

/// An experiment's configuration, table by table; as in ConfigText each has a body that does.
struct ExperimentText {
  std::string data = "format = \"synthetic\"\nkind = \"circle\"\nsize = 4\ntest_size = 3\n";
  std::string kernel;
  std::string network = "widths = [8, 16]\nlearning_rate = 0.5\nsteps = 3\n";
  std::string experiment = "name = \"kernel-convergence\"\n";
  std::string output = "file = \"out.h5\"\n";
  std::string more;

  [[nodiscard]] ConfigSource source(const std::string& study = "",
                                    const std::vector<std::string>& settings = {}) const {
    return {"[data]\n" + data + "[kernel]\n" + kernel + "[network]\n" + network + "[experiment]\n" +
                experiment + "[output]\n" + output + more,
            "/runs/run.toml",
            settings,
            {},
            ConfigPurpose::experiment,
            study};
  }
};

/// The shortest configuration of a study, which has the tables that it needs and no other.
inline ConfigSource minimal_source(Study study) {
  const StudyNeeds needed = needs(study);
  const ExperimentText standard;
  std::string text = "[output]\n" + standard.output;
  const bool has_classes = study == Study::depth || study == Study::early_stopping;
  text += needed.data ? "[data]\n" + (has_classes ? ConfigText().data : standard.data) : "";
  text += needed.kernels ? "[experiment]\nkernels = [{ activation = \"erf\" }]\n" : "[kernel]\n";
  if (needed.networks) {
    text += "[network]\nwidths = [8, 16]\n";
    text += needed.training ? "learning_rate = 0.5\nsteps = 3\n" : "";
  }
  return {text, "/runs/run.toml", {}, {}, ConfigPurpose::experiment, to_string(study)};
}

inline std::vector<Study> all_studies() {
  std::vector<Study> studies;
  for (const std::string& name : study_names()) {
    studies.push_back(static_cast<Study>(studies.size()));
    EXPECT_EQ(to_string(studies.back()), name);
  }
  return studies;
}

inline RunConfig parse(const std::string& text, const std::vector<std::string>& settings = {}) {
  return parse_config({text, "/runs/run.toml", settings, {}});
}

/// The lines of the error that a configuration leads to; none when it is accepted.
inline std::vector<std::string> problems_of(const ConfigSource& source) {
  try {
    parse_config(source);
  } catch (const ConfigError& error) {
    std::vector<std::string> lines(1);
    for (const char* c = error.what(); *c != '\0'; ++c) {
      if (*c == '\n') {
        lines.emplace_back();
      } else {
        lines.back() += *c;
      }
    }
    return lines;
  }
  return {};
}

inline std::vector<std::string> problems_of(const std::string& text,
                                            const std::vector<std::string>& settings = {}) {
  return problems_of(ConfigSource{text, "/runs/run.toml", settings, {}});
}

/// No problem where the answer is empty, else one that holds it.
inline void expect_answer(const std::vector<std::string>& problems, const std::string& answer) {
  if (answer.empty()) {
    EXPECT_TRUE(problems.empty()) << problems.front();
    return;
  }
  ASSERT_EQ(problems.size(), 1U) << (problems.empty() ? "accepted" : problems[1]);
  EXPECT_NE(problems.front().find(answer), std::string::npos) << problems.front();
}

/// Sets an environment variable for one test.
class ScopedVariable {
 public:
  ScopedVariable(std::string name, const std::string& value) : name_(std::move(name)) {
    setenv(name_.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;
  ScopedVariable(ScopedVariable&&) = delete;
  ScopedVariable& operator=(ScopedVariable&&) = delete;
  ~ScopedVariable() {
    unsetenv(name_.c_str());  // NOLINT(concurrency-mt-unsafe)
  }

 private:
  std::string name_;
};

inline void expect_same(const DataFiles& a, const DataFiles& b) {
  EXPECT_EQ(a.inputs, b.inputs);
  EXPECT_EQ(a.targets, b.targets);
}

inline void expect_same(const ActivationSpec& a, const ActivationSpec& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.expression, b.expression);
  ASSERT_EQ(a.parameters.size(), b.parameters.size());
  for (std::size_t i = 0; i < a.parameters.size(); ++i) {
    EXPECT_EQ(a.parameters[i].name, b.parameters[i].name);
    EXPECT_EQ(a.parameters[i].values, b.parameters[i].values);
  }
}

inline void expect_same(const ExperimentOptions& a, const ExperimentOptions& b) {
  EXPECT_EQ(a.study, b.study);
  EXPECT_EQ(a.network.widths, b.network.widths);
  EXPECT_EQ(a.network.draws, b.network.draws);
  EXPECT_EQ(a.network.seed, b.network.seed);
  EXPECT_EQ(a.network.precision, b.network.precision);
  EXPECT_EQ(a.network.learning_rate, b.network.learning_rate);
  EXPECT_EQ(a.network.steps, b.network.steps);
  EXPECT_EQ(a.network.method, b.network.method);
  EXPECT_EQ(a.network.unstable, b.network.unstable);
  EXPECT_EQ(a.points, b.points);
  EXPECT_EQ(a.quantiles, b.quantiles);
  EXPECT_EQ(a.component, b.component);
  EXPECT_EQ(a.amplitude, b.amplitude);
  EXPECT_EQ(a.descent.features, b.descent.features);
  EXPECT_EQ(a.descent.ridges, b.descent.ridges);
  EXPECT_EQ(a.descent.noise, b.descent.noise);
  EXPECT_EQ(a.width_bound.epsilons, b.width_bound.epsilons);
  EXPECT_EQ(a.width_bound.confidence, b.width_bound.confidence);
  EXPECT_EQ(a.width_bound.separations, b.width_bound.separations);
  EXPECT_EQ(a.depth.depths, b.depth.depths);
  EXPECT_EQ(a.depth.ridge, b.depth.ridge);
  EXPECT_EQ(a.learning_rate.rates, b.learning_rate.rates);
  EXPECT_EQ(a.learning_rate.steps, b.learning_rate.steps);
  EXPECT_EQ(a.early_stopping.label_noise, b.early_stopping.label_noise);
  EXPECT_EQ(a.early_stopping.seed, b.early_stopping.seed);
  EXPECT_EQ(a.sample_complexity.dimensions, b.sample_complexity.dimensions);
  EXPECT_EQ(a.sample_complexity.ratios, b.sample_complexity.ratios);
  EXPECT_EQ(a.sample_complexity.test_size, b.sample_complexity.test_size);
  EXPECT_EQ(a.sample_complexity.draws, b.sample_complexity.draws);
  EXPECT_EQ(a.sample_complexity.seed, b.sample_complexity.seed);
}

/// Member by member, bit for bit; effective_toml as well.
inline void expect_same(const RunConfig& a, const RunConfig& b) {
  EXPECT_EQ(a.data.format, b.data.format);
  expect_same(a.data.train, b.data.train);
  expect_same(a.data.test, b.data.test);
  EXPECT_EQ(a.data.train_size, b.data.train_size);
  EXPECT_EQ(a.data.train_offset, b.data.train_offset);
  EXPECT_EQ(a.data.test_size, b.data.test_size);
  EXPECT_EQ(a.data.subset, b.data.subset);
  EXPECT_EQ(a.data.seed, b.data.seed);
  EXPECT_EQ(a.data.preprocess, b.data.preprocess);
  EXPECT_EQ(a.data.targets.encoding, b.data.targets.encoding);
  EXPECT_EQ(a.data.targets.on, b.data.targets.on);
  EXPECT_EQ(a.data.targets.off, b.data.targets.off);
  EXPECT_EQ(a.data.targets.classes, b.data.targets.classes);
  EXPECT_EQ(a.data.target_columns, b.data.target_columns);
  EXPECT_EQ(a.data.synthetic.kind, b.data.synthetic.kind);
  EXPECT_EQ(a.data.synthetic.size, b.data.synthetic.size);
  EXPECT_EQ(a.data.synthetic.dimension, b.data.synthetic.dimension);
  EXPECT_EQ(a.data.synthetic.target, b.data.synthetic.target);
  EXPECT_EQ(a.kernel.type, b.kernel.type);
  const Architecture& ours = a.kernel.architecture;
  const Architecture& theirs = b.kernel.architecture;
  EXPECT_EQ(ours.depth, theirs.depth);
  EXPECT_EQ(ours.weight_variance, theirs.weight_variance);
  EXPECT_EQ(ours.bias_variance, theirs.bias_variance);
  EXPECT_EQ(ours.first_layer, theirs.first_layer);
  expect_same(ours.activation, theirs.activation);
  EXPECT_EQ(a.kernel.evaluation, b.kernel.evaluation);
  ASSERT_EQ(a.kernel.named.has_value(), b.kernel.named.has_value());
  if (a.kernel.named) {
    EXPECT_EQ(a.kernel.named->name, b.kernel.named->name);
    EXPECT_EQ(a.kernel.named->parameters, b.kernel.named->parameters);
  }
  ASSERT_EQ(a.random_functions.has_value(), b.random_functions.has_value());
  if (a.random_functions) {
    EXPECT_EQ(a.random_functions->counts, b.random_functions->counts);
    EXPECT_EQ(a.random_functions->source, b.random_functions->source);
    EXPECT_EQ(a.random_functions->width, b.random_functions->width);
    EXPECT_EQ(a.random_functions->draws, b.random_functions->draws);
    EXPECT_EQ(a.random_functions->seed, b.random_functions->seed);
  }
  ASSERT_EQ(a.regression.has_value(), b.regression.has_value());
  if (a.regression) {
    EXPECT_EQ(a.regression->ridge.value, b.regression->ridge.value);
    EXPECT_EQ(a.regression->ridge.scale, b.regression->ridge.scale);
    ASSERT_EQ(a.regression->path.has_value(), b.regression->path.has_value());
    if (a.regression->path) {
      EXPECT_EQ(a.regression->path->ridges, b.regression->path->ridges);
      EXPECT_EQ(a.regression->path->select, b.regression->path->select);
      EXPECT_EQ(a.regression->path->method, b.regression->path->method);
    }
    EXPECT_EQ(a.regression->precision, b.regression->precision);
    EXPECT_EQ(a.regression->factorization, b.regression->factorization);
  }
  ASSERT_EQ(a.dynamics.has_value(), b.dynamics.has_value());
  if (a.dynamics) {
    EXPECT_EQ(a.dynamics->times, b.dynamics->times);
    EXPECT_EQ(a.dynamics->time_unit, b.dynamics->time_unit);
    EXPECT_EQ(a.dynamics->optimizer, b.dynamics->optimizer);
    EXPECT_EQ(a.dynamics->learning_rate, b.dynamics->learning_rate);
    EXPECT_EQ(a.dynamics->momentum, b.dynamics->momentum);
    EXPECT_EQ(a.dynamics->unstable, b.dynamics->unstable);
    EXPECT_EQ(a.dynamics->method, b.dynamics->method);
    EXPECT_EQ(a.dynamics->products, b.dynamics->products);
    EXPECT_EQ(a.dynamics->tolerance, b.dynamics->tolerance);
    EXPECT_EQ(a.dynamics->initial, b.dynamics->initial);
    EXPECT_EQ(a.dynamics->seed, b.dynamics->seed);
  }
  ASSERT_EQ(a.posterior.has_value(), b.posterior.has_value());
  if (a.posterior) {
    EXPECT_EQ(a.posterior->times, b.posterior->times);
    EXPECT_EQ(a.posterior->time_unit, b.posterior->time_unit);
    EXPECT_EQ(a.posterior->training, b.posterior->training);
    EXPECT_EQ(a.posterior->covariance, b.posterior->covariance);
    EXPECT_EQ(a.posterior->quantiles, b.posterior->quantiles);
    EXPECT_EQ(a.posterior->samples, b.posterior->samples);
    EXPECT_EQ(a.posterior->seed, b.posterior->seed);
  }
  ASSERT_EQ(a.spectrum.has_value(), b.spectrum.has_value());
  if (a.spectrum) {
    EXPECT_EQ(a.spectrum->count, b.spectrum->count);
    EXPECT_EQ(a.spectrum->vectors, b.spectrum->vectors);
    EXPECT_EQ(a.spectrum->method, b.spectrum->method);
    EXPECT_EQ(a.spectrum->tolerance, b.spectrum->tolerance);
    EXPECT_EQ(a.spectrum->seed, b.spectrum->seed);
    EXPECT_EQ(a.spectrum->ridges, b.spectrum->ridges);
    EXPECT_EQ(a.spectrum->times, b.spectrum->times);
    EXPECT_EQ(a.spectrum->modes, b.spectrum->modes);
    EXPECT_EQ(a.spectrum->losses, b.spectrum->losses);
    EXPECT_EQ(a.spectrum->learning_rate, b.spectrum->learning_rate);
    EXPECT_EQ(a.spectrum->projections, b.spectrum->projections);
    EXPECT_EQ(a.spectrum->centre, b.spectrum->centre);
  }
  ASSERT_EQ(a.experiment.has_value(), b.experiment.has_value());
  if (a.experiment) {
    expect_same(*a.experiment, *b.experiment);
  }
  EXPECT_EQ(a.output.file, b.output.file);
  EXPECT_EQ(a.output.predictions, b.output.predictions);
  EXPECT_EQ(a.output.gram, b.output.gram);
  EXPECT_EQ(a.output.gram_depths, b.output.gram_depths);
  EXPECT_EQ(a.output.model, b.output.model);
  EXPECT_EQ(a.parallel.grid, b.parallel.grid);
  EXPECT_EQ(a.parallel.block_size, b.parallel.block_size);
  EXPECT_EQ(a.parallel.threads, b.parallel.threads);
  EXPECT_EQ(a.effective_toml, b.effective_toml);
}

}  // namespace ntkflow::test
