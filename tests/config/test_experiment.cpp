#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

TEST(ExperimentTest, ReadsEveryKey) {
  ExperimentText text;
  text.network =
      "widths = [1, 3, 16777216]\ndraws = 7\nseed = 9223372036854775807\nprecision = \"single\"\n"
      "learning_rate = 2\nsteps = 0\nmethod = \"flow\"\nunstable = \"run\"\n";
  text.experiment =
      "name = \"gaussian-limit\"\npoints = 2\nquantiles = [1e-300, 0.5, 0.9999999999999999]\n";
  const ExperimentOptions gaussian = *parse_config(text.source()).experiment;
  EXPECT_EQ(gaussian.study, Study::gaussian_limit);
  EXPECT_EQ(gaussian.network.widths, (std::vector<std::int64_t>{1, 3, 16777216}));
  EXPECT_EQ(gaussian.network.draws, 7);
  EXPECT_EQ(gaussian.network.seed, 9223372036854775807U);
  EXPECT_EQ(gaussian.network.precision, NetworkPrecision::single_precision);
  EXPECT_EQ(gaussian.network.learning_rate, 2.0);
  EXPECT_EQ(gaussian.network.steps, 0);
  EXPECT_EQ(gaussian.network.method, TrainingMethod::flow);
  EXPECT_EQ(gaussian.network.unstable, UnstableRate::run);
  EXPECT_EQ(gaussian.points, 2);
  EXPECT_EQ(gaussian.quantiles, (std::vector{1e-300, 0.5, 0.9999999999999999}));

  text.experiment = "name = \"principal-components\"\ncomponent = 3\namplitude = -0.25\n";
  const ExperimentOptions principal = *parse_config(text.source()).experiment;
  EXPECT_EQ(principal.component, 3);
  EXPECT_EQ(principal.amplitude, -0.25);

  text.experiment = "name = \"descent\"\nfeatures = [0.5, 1, 2]\nridge = [1e-300]\nnoise = 2\n";
  const DescentOptions descent = parse_config(text.source()).experiment->descent;
  EXPECT_EQ(descent.features, (std::vector{0.5, 1.0, 2.0}));
  EXPECT_EQ(descent.ridges, std::vector{1e-300});
  EXPECT_EQ(descent.noise, 2.0);

  text.network = "widths = [1, 2, 3]\n";
  text.experiment =
      "name = \"finite-width-bound\"\nepsilons = [0.5]\nconfidence = 0.25\nseparations = [1, 3]\n";
  const FiniteWidthOptions bound = parse_config(text.source()).experiment->width_bound;
  EXPECT_EQ(bound.epsilons, std::vector{0.5});
  EXPECT_EQ(bound.confidence, 0.25);
  EXPECT_EQ(bound.separations, (std::vector{1.0, 3.0}));
}

TEST(ExperimentTest, HasTheDefaultsOfTheManual) {
  const RunConfig run = parse_config(ExperimentText{}.source());
  ASSERT_TRUE(run.experiment);
  const ExperimentOptions& experiment = *run.experiment;
  EXPECT_EQ(experiment.network.draws, 10);
  EXPECT_EQ(experiment.network.seed, 0U);
  EXPECT_EQ(experiment.network.precision, NetworkPrecision::double_precision);
  EXPECT_EQ(experiment.network.method, TrainingMethod::descent);
  EXPECT_EQ(experiment.network.unstable, UnstableRate::refuse);
  EXPECT_EQ(experiment.points, 101);
  EXPECT_EQ(experiment.quantiles, (std::vector{0.1, 0.5, 0.9}));
  EXPECT_EQ(experiment.component, 2);
  EXPECT_EQ(experiment.amplitude, 0.5);
  EXPECT_EQ(experiment.descent.features.size(), 11U);
  EXPECT_EQ(experiment.descent.ridges, (std::vector{1e-8, 1e-2}));
  EXPECT_EQ(experiment.descent.noise, 0.0);
  EXPECT_EQ(experiment.width_bound.epsilons.size(), 10U);
  EXPECT_EQ(experiment.width_bound.confidence, 0.9);
  EXPECT_EQ(experiment.width_bound.separations, (std::vector{0.01, 0.03, 0.1, 0.3}));
  EXPECT_FALSE(run.regression || run.dynamics || run.spectrum || run.posterior);
  // The table [experiment] itself need not be there.
  ExperimentText text;
  ConfigSource source = text.source("width-scaling");
  source.text.erase(source.text.find("[experiment]"),
                    source.text.find("[output]") - source.text.find("[experiment]"));
  EXPECT_EQ(parse_config(source).experiment->study, Study::width_scaling);
  // Nor is a run an experiment.
  EXPECT_FALSE(parse(ConfigText{}.text()).experiment);
}

TEST(ExperimentTest, ReadsBackAsTheSameStudy) {
  for (const char* experiment :
       {"name = \"kernel-convergence\"\npoints = 7\n",
        "name = \"gaussian-limit\"\npoints = 9\nquantiles = [0.1, 0.30000000000000004]\n",
        "name = \"principal-components\"\ncomponent = 4\namplitude = -1e-300\n",
        "name = \"width-scaling\"\n", "name = \"descent\"\nfeatures = [0.1, 3]\nnoise = 0.1\n"}) {
    for (const char* network :
         {"widths = [8, 16]\nlearning_rate = 0.30000000000000004\nsteps = 3\n",
          "widths = [5]\nlearning_rate = 5\nsteps = 0\ndraws = 3\nseed = 4\n"
          "precision = \"single\"\nmethod = \"flow\"\nunstable = \"run\"\n"}) {
      ExperimentText text;
      text.experiment = experiment;
      text.network = network;
      text.more = "[parallel]\nthreads = 2\n";
      const RunConfig run = parse_config(text.source());
      SCOPED_TRACE(run.effective_toml);
      const RunConfig again = parse_config({run.effective_toml,
                                            "/another/folder/effective.toml",
                                            {},
                                            {},
                                            ConfigPurpose::experiment,
                                            ""});
      expect_same(again, run);
    }
  }
}

TEST(ExperimentTest, ReadsBackAStudyThatTrainsNothing) {
  ExperimentText text;
  text.network = "widths = [8, 16, 32]\n";
  text.experiment =
      "name = \"finite-width-bound\"\nepsilons = [0.1, 0.30000000000000004]\n"
      "confidence = 0.7\nseparations = [1e-3, 2]\n";
  const RunConfig run = parse_config(text.source());
  const ConfigSource again{run.effective_toml, "", {}, {}, ConfigPurpose::experiment, ""};
  expect_same(parse_config(again), run);
  text.network += "steps = 3\n";
  expect_answer(problems_of(text.source()), "network.steps: this study does not train");
}

TEST(ExperimentTest, PrintsWhatIsInForce) {
  ExperimentText text;
  text.experiment = "name = \"gaussian-limit\"\n";
  const std::string effective = parse_config(text.source()).effective_toml;
  EXPECT_NE(effective.find("[network]\n"
                           "widths = [8, 16]\n"
                           "draws = 10\n"
                           "seed = 0\n"
                           "precision = \"double\"\n"
                           "learning_rate = 0.5\n"
                           "steps = 3\n"
                           "method = \"descent\"\n"
                           "unstable = \"refuse\"\n"
                           "\n"
                           "[experiment]\n"
                           "name = \"gaussian-limit\"\n"
                           "points = 101\n"
                           "quantiles = [0.1, 0.5, 0.9]\n"
                           "\n"
                           "[output]\n"
                           "file = \"/runs/out.h5\"\n"
                           "\n"
                           "[parallel]\n"
                           "threads = \"auto\"\n"),
            std::string::npos)
      << effective;
}

TEST(ExperimentTest, NameIsThatOfTheCommandLine) {
  ExperimentText text;
  EXPECT_EQ(parse_config(text.source("kernel-convergence")).experiment->study,
            Study::kernel_convergence);
  const auto problems = problems_of(text.source("width-scaling"));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems.front().find("experiment.name: the command line asks for \"width-scaling\""),
            std::string::npos)
      << problems.front();
  text.experiment = "";
  for (const Study study : all_studies()) {
    EXPECT_EQ(parse_config(minimal_source(study)).experiment->study, study);
  }
}

/// A table, one line in it, and a part of the one problem; empty: accepted.
struct Line {
  std::string table;
  std::string line;
  std::string answer;
};

void PrintTo(const Line& line, std::ostream* out) {
  *out << line.table << ": " << line.line;
}

class ExperimentKeyTest : public testing::TestWithParam<Line> {};

/// The configuration with the line; what stands at its key there otherwise gives way to it.
ConfigSource with_line(const Line& line) {
  ExperimentText text;
  const auto replace = [](std::string& body, const std::string& with) {
    const std::string key = with.substr(0, with.find(' ')) + " ";
    if (const auto at = body.find(key); at != std::string::npos) {
      body.erase(at, body.find('\n', at) + 1 - at);
    }
    body += with + "\n";
  };
  if (line.table == "network") {
    replace(text.network, line.line);
  } else if (line.table == "finite-width-bound") {
    text.network = "widths = [8, 16, 32]\n";
    text.experiment = "name = \"" + line.table + "\"\n" + line.line + "\n";
  } else if (line.table == "kernel") {
    text.kernel = line.line + "\n";
  } else if (line.table == "output") {
    text.output += line.line + "\n";
  } else if (line.table == "parallel") {
    text.more = "[parallel]\n" + line.line + "\n";
  } else if (line.table.ends_with("-convergence") || line.table.ends_with("-limit") ||
             line.table.ends_with("-components") || line.table.ends_with("-scaling") ||
             line.table == "descent") {
    text.experiment = "name = \"" + line.table + "\"\n" + line.line + "\n";
  } else {
    text.more = "[" + line.table + "]\n" + line.line + "\n";
  }
  return text.source();
}

TEST_P(ExperimentKeyTest, IsAcceptedOrExplained) {
  expect_answer(problems_of(with_line(GetParam())), GetParam().answer);
}

const Line kAccepted[] = {
    {"network", "widths = [1]", ""},
    {"network", "draws = 1000000", ""},
    {"network", "learning_rate = 2.2250738585072014e-308", ""},
    {"network", "steps = 9223372036854775807", ""},
    {"kernel-convergence", "points = 100000", ""},
    {"gaussian-limit", "quantiles = [0.5]", ""},
    {"principal-components", "amplitude = 1", ""},
    {"descent", "noise = 0", ""},
    {"descent", "features = [1]", ""},
    {"finite-width-bound", "separations = [3.14159]", ""},
    {"kernel", "depth = 2", ""},
    {"kernel", "type = \"ntk\"", ""},
    {"parallel", "threads = 2", ""},
};
INSTANTIATE_TEST_SUITE_P(Accepted, ExperimentKeyTest, testing::ValuesIn(kAccepted));

const Line kImpossible[] = {
    {"network", "widths = []", "network.widths: found [] (list)"},
    {"network", "widths = 8", "network.widths: found 8 (integer); allowed: a list of ascending"},
    {"network", "widths = [0, 8]", "network.widths: found 0 (integer)"},
    {"network", "widths = [-8]", "network.widths: found -8 (integer)"},
    {"network", "widths = [16, 8]", "network.widths: found 8 (integer)"},
    {"network", "widths = [8, 8]", "network.widths: found 8 (integer)"},
    {"network", "widths = [8.0]", "network.widths: found 8.0 (float)"},
    {"network", "widths = [\"8\"]", "network.widths: found \"8\" (string)"},
    {"network", "widths = [16777217]", "network.widths: found 16777217"},
    {"network", "draws = 0", "network.draws: found 0 (integer); allowed: an integer from 1"},
    {"network", "draws = 1000001", "network.draws: found 1000001"},
    {"network", "seed = -1", "network.seed: found -1"},
    {"network", "learning_rate = 0", "network.learning_rate: found 0 (integer)"},
    {"network", "learning_rate = 0.0", "network.learning_rate: found 0.0 (float)"},
    {"network", "learning_rate = -1.0", "network.learning_rate: found -1.0 (float)"},
    {"network", "learning_rate = inf", "network.learning_rate: found inf (float)"},
    {"network", "learning_rate = nan", "network.learning_rate: found nan (float)"},
    {"network", "steps = -1", "network.steps: found -1 (integer); allowed: an integer >= 0"},
    {"network", "steps = 1.5", "network.steps: found 1.5 (float)"},
    {"network", "precision = \"mixed\"", "network.precision: found \"mixed\""},
    {"network", "method = \"adam\"", "network.method: found \"adam\""},
    {"network", "unstable = \"walk\"", "network.unstable: found \"walk\""},
    {"network", "width = 3", "network.width: unknown key; did you mean widths?"},
    {"kernel-convergence", "points = 1", "experiment.points: found 1 (integer)"},
    {"kernel-convergence", "points = 100001", "experiment.points: found 100001"},
    {"kernel-convergence", "point = 3", "experiment.point: unknown key; did you mean points?"},
    {"gaussian-limit", "quantiles = []", "experiment.quantiles: found [] (list)"},
    {"gaussian-limit", "quantiles = [0]", "experiment.quantiles: found 0 (integer)"},
    {"gaussian-limit", "quantiles = [0.5, 1.0]", "experiment.quantiles: found 1.0 (float)"},
    {"gaussian-limit", "quantiles = [0.9, 0.1]", "experiment.quantiles: found 0.1"},
    {"gaussian-limit", "quantiles = [0.5, 0.5]", "experiment.quantiles: found 0.5 (float)"},
    {"gaussian-limit", "quantiles = [nan]", "experiment.quantiles: found nan (float)"},
    {"gaussian-limit", "quantiles = 0.5", "experiment.quantiles: found 0.5 (float)"},
    {"principal-components", "component = 0", "experiment.component: found 0 (integer)"},
    {"principal-components", "amplitude = 0", "experiment.amplitude: found 0 (integer)"},
    {"principal-components", "amplitude = -0.0", "experiment.amplitude: found -0.0 (float)"},
    {"principal-components", "amplitude = inf", "experiment.amplitude: found inf (float)"},
    {"descent", "features = []", "experiment.features: found [] (list); allowed: a list of 1"},
    {"descent", "features = [0.0]", "experiment.features: found 0.0 (float)"},
    {"descent", "features = [2, 1]", "experiment.features: found 1 (integer)"},
    {"descent", "ridge = [0]", "experiment.ridge: found 0 (integer)"},
    {"descent", "ridge = [-1e-3]", "experiment.ridge: found -0.001 (float)"},
    {"descent", "ridge = 1e-3", "experiment.ridge: found 0.001 (float)"},
    {"descent", "ridge = [inf]", "experiment.ridge: found inf (float)"},
    {"descent", "noise = -0.5", "experiment.noise: found -0.5 (float)"},
    {"finite-width-bound", "epsilons = [0]", "experiment.epsilons: found 0 (integer)"},
    {"finite-width-bound", "epsilons = [nan]", "experiment.epsilons: found nan (float)"},
    {"finite-width-bound", "confidence = 1", "experiment.confidence: found 1 (integer)"},
    {"finite-width-bound", "confidence = 0.0", "experiment.confidence: found 0.0 (float)"},
    {"finite-width-bound", "separations = [4]", "experiment.separations: found 4 (integer)"},
    {"kernel", "type = \"nngp\"", "kernel.type: networks are trained in all layers"},
    {"kernel", "activation = \"step\"", "kernel.activation: the derivative of step is a delta"},
    {"kernel", "activation = \"sign\"", "kernel.activation: the derivative of sign is a delta"},
    {"kernel", "depth = 1", "kernel.depth: a network of one layer has no hidden units"},
};
INSTANTIATE_TEST_SUITE_P(Impossible, ExperimentKeyTest, testing::ValuesIn(kImpossible));

const Line kOutOfPlace[] = {
    {"kernel-convergence", "quantiles = [0.5]", "experiment.quantiles: the study"},
    {"kernel-convergence", "component = 2", "\"kernel-convergence\" has no use for this key"},
    {"gaussian-limit", "amplitude = 0.5", "\"gaussian-limit\" has no use for this key"},
    {"principal-components", "points = 5", "\"principal-components\" has no use for this key"},
    {"width-scaling", "points = 5", "\"width-scaling\" has no use for this key"},
    {"width-scaling", "quantiles = [0.5]", "\"width-scaling\" has no use for this key"},
    {"width-scaling", "noise = 0.5", "\"width-scaling\" has no use for this key"},
    {"descent", "epsilons = [0.5]", "\"descent\" has no use for this key"},
    {"finite-width-bound", "features = [1]", "\"finite-width-bound\" has no use for this key"},
    {"output", "gram = true", "output.gram: an experiment has no use for this key"},
    {"output", "gram_depths = true", "output.gram_depths: an experiment has no use"},
    {"output", "predictions = false", "output.predictions: an experiment has no use"},
    {"parallel", "grid = [1, 2]", "parallel.grid: an experiment has no use for this key"},
    {"parallel", "block_size = 8", "parallel.block_size: an experiment has no use"},
    {"regression", "ridge = 0.1", "regression: this table is for `ntkflow run`; remove it"},
    {"dynamics", "", "dynamics: this table is for `ntkflow run`; remove it"},
    {"spectrum", "", "spectrum: this table is for `ntkflow run`; remove it"},
    {"posterior", "", "posterior: this table is for `ntkflow run`; remove it"},
};
INSTANTIATE_TEST_SUITE_P(OutOfPlace, ExperimentKeyTest, testing::ValuesIn(kOutOfPlace));

TEST(ExperimentTest, TablesOfAStudyHaveNoPlaceInARun) {
  for (const char* table : {"network", "experiment"}) {
    ConfigText config;
    config.more = "[" + std::string(table) + "]\n";
    const auto problems = problems_of(config.text());
    ASSERT_FALSE(problems.empty()) << table;
    EXPECT_NE(problems.front().find(std::string(table) +
                                    ": this table is for `ntkflow experiment`; remove it"),
              std::string::npos)
        << problems.front();
    EXPECT_EQ(problems.size(), 1U) << problems.back();
  }
}

TEST(ExperimentTest, NeedsItsTablesAndKeys) {
  ConfigSource source{"", "/runs/run.toml", {}, {}, ConfigPurpose::experiment, "width-scaling"};
  const auto tables = problems_of(source);
  ASSERT_EQ(tables.size(), 4U);
  EXPECT_EQ(tables[2], "/runs/run.toml: network: the table [network] is missing");
  ExperimentText text;
  text.network = "";
  const auto keys = problems_of(text.source());
  ASSERT_EQ(keys.size(), 3U);
  EXPECT_NE(keys[0].find("network.widths: missing; needed: a list"), std::string::npos) << keys[0];
  EXPECT_NE(keys[1].find("network.learning_rate: missing"), std::string::npos) << keys[1];
  EXPECT_NE(keys[2].find("network.steps: missing"), std::string::npos) << keys[2];
}

TEST(ExperimentTest, QuantilesAreLimitedInNumber) {
  for (const int count : {1000, 1001}) {
    std::string list;
    for (int i = 1; i <= count; ++i) {
      list.append(i > 1 ? "," : "").append(std::to_string(i / 1002.0));
    }
    ConfigText config;
    config.more = "[posterior]\nquantiles = [" + list + "]\n";
    const auto problems = problems_of(config.text());
    EXPECT_EQ(std::none_of(problems.begin(), problems.end(),
                           [](const std::string& problem) {
                             return problem.find("posterior.quantiles") != std::string::npos;
                           }),
              count == 1000);
    const auto source = ExperimentText{}.source(
        "", {"experiment.name=\"gaussian-limit\"", "experiment.quantiles=[" + list + "]"});
    EXPECT_EQ(problems_of(source).empty(), count == 1000);
  }
}

ConfigSource zonal_source(Study study, const std::string& keys) {
  ConfigSource source = minimal_source(study);
  source.text += keys;
  return source;
}

TEST(ExperimentTest, KernelsOnCubeAndSphereHaveTheirOwnDimensions) {
  const std::string keys = "dimensions = [3, 200]\ndepths = 7\ndegree = 9\n";
  for (const Study study : {Study::boolean_cube, Study::sphere}) {
    const ZonalOptions standard = parse_config(minimal_source(study)).experiment->zonal;
    EXPECT_EQ(standard.dimensions, default_zonal_options(study).dimensions);
    EXPECT_EQ(standard.depth, default_zonal_options(study).depth);
    const bool is_sphere = study == Study::sphere;
    const RunConfig run =
        parse_config(zonal_source(study, keys + (is_sphere ? "samples = 12\nseed = 3\n" : "")));
    const ZonalOptions& read = run.experiment->zonal;
    EXPECT_EQ(read.dimensions, (std::vector<std::int64_t>{3, 200}));
    EXPECT_EQ(read.depth, 7);
    EXPECT_EQ(read.degree, 9);
    EXPECT_EQ(read.samples, is_sphere ? 12 : 1000);
    EXPECT_EQ(read.seed, is_sphere ? 3U : 0U);
    const ConfigSource again{run.effective_toml, "", {}, {}, ConfigPurpose::experiment,
                             to_string(study)};
    EXPECT_EQ(parse_config(again).effective_toml, run.effective_toml);
  }
  const auto refuse = [](Study study, const std::string& key, const std::string& words) {
    const auto problems = problems_of(zonal_source(study, key + "\n"));
    ASSERT_EQ(problems.size(), 1U) << key;
    EXPECT_NE(problems.front().find(words), std::string::npos) << problems.front();
  };
  refuse(Study::boolean_cube, "dimensions = [8, 257]", "experiment.dimensions: found 257");
  refuse(Study::boolean_cube, "dimensions = []", "experiment.dimensions");
  refuse(Study::boolean_cube, "dimensions = [8, 8]", "experiment.dimensions");
  refuse(Study::boolean_cube, "degree = 0", "experiment.degree: found 0");
  refuse(Study::boolean_cube, "depths = 0", "experiment.depths: found 0");
  refuse(Study::boolean_cube, "samples = 10", "has no use for this key");
  refuse(Study::sphere, "dimensions = [1]", "experiment.dimensions: found 1");
  refuse(Study::sphere, "degree = 129", "experiment.degree: found 129");
  refuse(Study::sphere, "samples = 0", "experiment.samples: found 0");
  refuse(Study::depth, "degree = 9", "has no use for this key");
}

TEST(ExperimentTest, SettingsReplaceKeys) {
  const RunConfig run =
      parse_config(ExperimentText{}.source("", {"network.widths=[3]", "network.unstable=\"run\""}));
  EXPECT_EQ(run.experiment->network.widths, std::vector<std::int64_t>{3});
  EXPECT_EQ(run.experiment->network.unstable, UnstableRate::run);
}

}  // namespace
}  // namespace ntkflow::test
