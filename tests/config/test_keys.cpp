#include <limits>
#include <ostream>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

/// A table, one key in it with a value, and what the configuration must answer.
struct KeyCase {
  std::string table;
  std::string line;
  std::string answer;  ///< text of the one problem; empty: accepted
};

void PrintTo(const KeyCase& key, std::ostream* out) {
  *out << key.table << ": " << key.line;
}

std::string with_line(const KeyCase& key) {
  const std::string line = key.line + "\n";
  ConfigText config;
  if (key.table == "data") {
    config.data += line;
  } else if (key.table == "csv") {
    config.data = "format = \"csv\"\ntrain = { inputs = \"x.csv\" }\n" + line;
  } else if (key.table == "synthetic") {
    config.data = "format = \"synthetic\"\n" + line;
  } else if (key.table == "kernel") {
    config.kernel = line;
  } else if (key.table == "output") {
    config.output += line;
    config.more = "[regression]\n";
  } else if (key.table == "posterior") {
    config.data += "test = { inputs = \"a\", targets = \"b\" }\n";
    config.more = "[posterior]\n" + line;
  } else {
    config.more = "[" + key.table + "]\n" + line;
  }
  return config.text();
}

class KeyTest : public testing::TestWithParam<KeyCase> {};

TEST_P(KeyTest, IsAcceptedOrExplained) {
  expect_answer(problems_of(with_line(GetParam())), GetParam().answer);
}

const KeyCase kAccepted[] = {
    {"data", "format = \"idx\"", ""},
    {"data", "test = { inputs = \"a\", targets = \"b\" }", ""},
    {"data", "train_size = 1", ""},
    {"data", "train_offset = 0", ""},
    {"data", "test_size = 0", ""},
    {"data", "subset = \"per_class\"", ""},
    {"data", "seed = 9223372036854775807", ""},
    {"data", "preprocess = []", ""},
    {"data", "preprocess = [\"center\", \"standardize_samples\"]", ""},
    {"data", "targets = { encoding = \"class_index\", classes = 10 }", ""},
    {"data", "targets = { on = 1, off = 0 }", ""},
    {"data", "targets = { encoding = \"raw\" }", ""},
    {"csv", "target_columns = [\"y\", 3]", ""},
    {"synthetic", "kind = \"boolean_cube\"\ndimension = 10", ""},
    {"synthetic", "kind = \"boolean_cube\"\ndimension = 62\nsize = 9", ""},
    {"synthetic", "kind = \"boolean_cube\"\ndimension = 3\nsize = 8", ""},
    {"synthetic", "kind = \"circle\"\nsize = 256\ntarget = \"x1*x2\"\ntest_size = 16", ""},
    {"kernel", "type = \"nngp\"", ""},
    {"kernel", "activation = \"erf\"", ""},
    {"kernel", "activation = { name = \"identity\" }", ""},
    {"kernel", "depth = 1", ""},
    {"kernel", "weight_variance = 1\nbias_variance = 0", ""},
    {"kernel", "preset = \"jacot\"", ""},
    {"kernel", "evaluation = \"auto\"", ""},
    {"kernel", "evaluation = \"reference\"", ""},
    {"regression", "ridge = 1e-6\nridge_scale = \"mean_diagonal\"", ""},
    {"regression", "precision = \"single\"", ""},
    {"regression", "factorization = \"auto\"", ""},
    {"regression", "factorization = \"scalapack\"\nsolver = \"cholesky\"", ""},
    {"dynamics", "times = [0, 0.5, 10]", ""},
    {"dynamics", "times = { start = 0, stop = 10, count = 11, spacing = \"linear\" }", ""},
    {"dynamics", "times = { start = 5, stop = 5.0, count = 1 }", ""},
    {"dynamics", "time_unit = \"absolute\"", ""},
    {"dynamics", "method = \"auto\"\nproducts = \"stored\"", ""},
    {"dynamics", "initial = \"gaussian_process\"\nseed = 7", ""},
    {"posterior", "", ""},
    {"posterior", "times = \"infinity\"\ntime_unit = \"absolute\"", ""},
    {"posterior", "times = [0, 1e3, inf]", ""},
    {"posterior", "times = { start = 1, stop = 10, count = 3 }", ""},
    {"posterior", "training = \"last_layer\"", ""},
    {"posterior", "covariance = true\nquantiles = [0.1, 0.5, 0.9]\nsamples = 3\nseed = 7", ""},
    {"posterior", "quantiles = []", ""},
    {"spectrum", "count = 1", ""},
    {"spectrum", "count = \"all\"\nvectors = true", ""},
    {"output", "predictions = false\ngram = true\nmodel = true", ""},
    {"output", "gram_depths = true", ""},
    {"parallel", "grid = \"auto\"\nblock_size = \"auto\"\nthreads = \"auto\"", ""},
    {"parallel", "grid = [1, 2]\nblock_size = 64\nthreads = 4", ""},
};
INSTANTIATE_TEST_SUITE_P(Accepted, KeyTest, testing::ValuesIn(kAccepted));

const KeyCase kWrongType[] = {
    {"data", "format = 1", "data.format: found 1 (integer); allowed: \"idx\" | \"hdf5\""},
    {"data", "test = \"x.gz\"", "data.test: found \"x.gz\" (string); allowed: { inputs"},
    {"data", "train_size = 2.5", "data.train_size: found 2.5 (float); allowed: an integer >= 1"},
    {"data", "train_offset = \"0\"",
     "data.train_offset: found \"0\" (string); allowed: an integer"},
    {"data", "test_size = true", "data.test_size: found true (boolean)"},
    {"data", "subset = 1", "data.subset: found 1 (integer); allowed: \"first\""},
    {"data", "seed = 1.0", "data.seed: found 1.0 (float); allowed: an integer >= 0"},
    {"data", "preprocess = \"center\"",
     "data.preprocess: found \"center\" (string); allowed: a list"},
    {"data", "preprocess = [1]", "data.preprocess: found 1 (integer); allowed: a list of"},
    {"data", "targets = \"raw\"", "data.targets: found \"raw\" (string); allowed: { encoding"},
    {"data", "targets = { encoding = 1 }", "data.targets.encoding: found 1 (integer)"},
    {"data", "targets = { on = \"1\" }", "data.targets.on: found \"1\" (string)"},
    {"data", "targets = { off = false }", "data.targets.off: found false (boolean)"},
    {"data", "targets = { classes = 10.0 }", "data.targets.classes: found 10.0 (float)"},
    {"csv", "target_columns = \"y\"", "data.target_columns: found \"y\" (string); allowed: a list"},
    {"csv", "target_columns = [1.5]", "data.target_columns: found 1.5 (float)"},
    {"synthetic", "kind = 1\nsize = 4", "data.kind: found 1 (integer); allowed: \"circle\""},
    {"synthetic", "kind = \"circle\"\nsize = 4.0", "data.size: found 4.0 (float)"},
    {"synthetic", "kind = \"sphere\"\nsize = 4\ndimension = \"3\"", "data.dimension: found \"3\""},
    {"synthetic", "kind = \"circle\"\nsize = 4\ntarget = 1", "data.target: found 1 (integer)"},
    {"kernel", "type = true", "kernel.type: found true (boolean); allowed: \"ntk\" | \"nngp\""},
    {"kernel", "activation = 1", "kernel.activation: found 1 (integer); allowed: "},
    {"kernel", "activation = { name = 1 }", "kernel.activation: found 1 (integer); allowed: "},
    {"kernel", "evaluation = 1", "kernel.evaluation: found 1 (integer); allowed: \"auto\" | "},
    {"kernel", "depth = 3.0", "kernel.depth: found 3.0 (float); allowed: an integer >= 1"},
    {"kernel", "weight_variance = \"2\"", "kernel.weight_variance: found \"2\" (string)"},
    {"kernel", "bias_variance = []", "kernel.bias_variance: found [] (list)"},
    {"kernel", "preset = 1", "kernel.preset: found 1 (integer); allowed: \"jacot\" | \"arora\""},
    {"regression", "ridge = \"0\"", "regression.ridge: found \"0\" (string)"},
    {"regression", "ridge_scale = 1", "regression.ridge_scale: found 1 (integer)"},
    {"regression", "precision = 64", "regression.precision: found 64 (integer)"},
    {"regression", "factorization = 1", "regression.factorization: found 1 (integer)"},
    {"regression", "solver = 1", "regression.solver: found 1 (integer)"},
    {"dynamics", "times = 3", "dynamics.times: found 3 (integer); allowed: a list of ascending"},
    {"dynamics", "times = [0, \"1\"]", "dynamics.times: found \"1\" (string)"},
    {"dynamics", "times = { start = \"1\", stop = 2, count = 2 }",
     "dynamics.times.start: found \"1\""},
    {"dynamics", "times = { start = 1, stop = true, count = 2 }",
     "dynamics.times.stop: found true"},
    {"dynamics", "times = { start = 1, stop = 2, count = 2.0 }", "dynamics.times.count: found 2.0"},
    {"dynamics", "times = { start = 1, stop = 2, count = 2, spacing = 1 }",
     "dynamics.times.spacing: found 1 (integer)"},
    {"dynamics", "time_unit = 1", "dynamics.time_unit: found 1 (integer)"},
    {"dynamics", "method = 1", "dynamics.method: found 1 (integer)"},
    {"dynamics", "products = 1", "dynamics.products: found 1 (integer)"},
    {"dynamics", "initial = 0", "dynamics.initial: found 0 (integer)"},
    {"dynamics", "seed = \"a\"", "dynamics.seed: found \"a\" (string)"},
    {"posterior", "times = 3", "posterior.times: found 3 (integer); allowed: \"infinity\", a list"},
    {"posterior", "times = \"never\"", "posterior.times: found \"never\" (string)"},
    {"posterior", "time_unit = 1", "posterior.time_unit: found 1 (integer)"},
    {"posterior", "training = 1", "posterior.training: found 1 (integer)"},
    {"posterior", "covariance = 1", "posterior.covariance: found 1 (integer)"},
    {"posterior", "quantiles = 0.5", "posterior.quantiles: found 0.5 (float)"},
    {"posterior", "quantiles = [\"0.5\"]", "posterior.quantiles: found \"0.5\" (string)"},
    {"posterior", "samples = 1.0", "posterior.samples: found 1.0 (float)"},
    {"posterior", "seed = 1.5", "posterior.seed: found 1.5 (float)"},
    {"spectrum", "count = 1.5",
     "spectrum.count: found 1.5 (float); allowed: \"all\" or an integer"},
    {"spectrum", "vectors = 1", "spectrum.vectors: found 1 (integer); allowed: true | false"},
    {"output", "predictions = \"yes\"", "output.predictions: found \"yes\" (string)"},
    {"output", "gram = 0", "output.gram: found 0 (integer)"},
    {"output", "gram_depths = 3", "output.gram_depths: found 3 (integer); allowed: true | false"},
    {"output", "model = 1979-05-27", "output.model: found 1979-05-27 (date or time)"},
    {"parallel", "grid = 2", "parallel.grid: found 2 (integer); allowed: \"auto\" or [rows"},
    {"parallel", "block_size = 64.0", "parallel.block_size: found 64.0 (float)"},
    {"parallel", "threads = \"many\"", "parallel.threads: found \"many\" (string)"},
};
INSTANTIATE_TEST_SUITE_P(WrongType, KeyTest, testing::ValuesIn(kWrongType));

const KeyCase kImpossible[] = {
    {"data", "train_size = 0", "data.train_size: found 0 (integer); allowed: an integer >= 1"},
    {"data", "train_offset = -1", "data.train_offset: found -1 (integer)"},
    {"data", "test_size = -1", "data.test_size: found -1 (integer)"},
    {"data", "test_size = 5", "data.test names no files"},
    {"data", "seed = -1", "data.seed: found -1"},
    {"data", "test = { inputs = \"a\" }", "data.test.targets: missing"},
    {"data", "test = { targets = \"a\" }", "data.test.inputs: missing"},
    {"data", "test = { inputs = \"\", targets = \"b\" }", "data.test.inputs: the path is empty"},
    {"data", "targets = { on = 0.0, off = 1.0 }", "allowed: on greater than off"},
    {"data", "targets = { off = 0.9 }", "data.targets.off: found on = 0.9 and off = 0.9"},
    {"data", "targets = { on = inf }", "data.targets.on: found inf (float)"},
    {"data", "targets = { classes = 0 }", "data.targets.classes: found 0"},
    {"data", "targets = { classes = 1000001 }", "data.targets.classes: found 1000001"},
    {"data", "targets = { encoding = \"raw\", on = 1.0 }", "only with encoding = \"one_hot\""},
    {"data", "targets = { encoding = \"raw\", classes = 2 }", "data.targets.classes: only with"},
    {"data", "targets = { encoding = \"raw\" }\nsubset = \"per_class\"", "needs classes"},
    {"data", "target_columns = [1]", "data.target_columns: only with format = \"csv\""},
    {"data", "kind = \"circle\"", "data.kind: only with format = \"synthetic\", and found"},
    {"data", "size = 5", "data.size: only with format = \"synthetic\""},
    {"data", "dimension = 5", "data.dimension: only with"},
    {"data", "target = \"x1\"", "data.target: only with"},
    {"csv", "target_columns = []", "data.target_columns: found [] (list)"},
    {"csv", "target_columns = [-1]", "data.target_columns: found -1 (integer)"},
    {"csv", "test = { inputs = \"x\", targets = \"y\" }", "data.test.targets: not with"},
    {"synthetic", "size = 5", "data.kind: missing; needed: \"circle\""},
    {"synthetic", "kind = \"gaussian\"", "data.size: missing; needed: an integer from 1"},
    {"synthetic", "kind = \"circle\"\nsize = 0", "data.size: found 0"},
    {"synthetic", "kind = \"circle\"\nsize = 5\ndimension = 3",
     "allowed with kind = \"circle\": 2"},
    {"synthetic", "kind = \"sphere\"\nsize = 5\ndimension = 0", "data.dimension: found 0"},
    {"synthetic", "kind = \"circle\"\nsize = 5\ntarget = \"\"", "data.target: found \"\" (string)"},
    {"synthetic", "kind = \"circle\"\nsize = 5\ntargets = { encoding = \"one_hot\" }",
     "data.targets.encoding: synthetic targets"},
    {"synthetic", "kind = \"circle\"\nsize = 5\ntest = { inputs = \"a\", targets = \"b\" }",
     "data.test: only with data files"},
    {"synthetic", "kind = \"gaussian\"\nsize = 5\ndimension = 1048577",
     "data.dimension: found 1048577"},
    {"synthetic", "kind = \"gaussian\"\nsize = 1099511627777", "data.size: found 1099511627777"},
    {"synthetic", "kind = \"boolean_cube\"\ndimension = 63", "\"boolean_cube\": at most 62"},
    {"synthetic", "kind = \"boolean_cube\"\ndimension = 3\nsize = 9", "has 8 corners"},
    {"kernel", "activation = { slope = 0.1 }", "kernel.activation: found { ... } (table)"},
    {"kernel", "activation = { name = \"relu\", slope = 0.1 }",
     "kernel.activation.slope: unknown key; allowed: name"},
    {"kernel", "depth = 0", "kernel.depth: found 0 (integer); allowed: an integer >= 1"},
    {"kernel", "depth = 4294967297", "kernel.depth: found 4294967297"},
    {"kernel", "weight_variance = 0", "kernel.weight_variance: must be"},
    {"kernel", "weight_variance = nan", "kernel.weight_variance: found nan (float)"},
    {"kernel", "bias_variance = -0.01", "kernel.bias_variance: found -0.01 (float)"},
    {"kernel", "preset = \"jacot\"\nweight_variance = 2.0", "stands beside kernel.preset"},
    {"kernel", "preset = \"arora\"\nbias_variance = 0.0", "stands beside kernel.preset"},
    {"regression", "ridge = -1.0", "regression.ridge: found -1.0 (float)"},
    {"regression", "ridge = inf", "regression.ridge: found inf (float)"},
    {"dynamics", "times = []", "found a list of 0 times"},
    {"dynamics", "times = [1, 1]", "dynamics.times: found 1 (integer)"},
    {"dynamics", "times = [2, 1]", "dynamics.times: found 1 (integer)"},
    {"dynamics", "times = [-1]", "dynamics.times: found -1 (integer)"},
    {"dynamics", "times = [nan]", "dynamics.times: found nan (float)"},
    {"dynamics", "times = \"infinity\"", "f at t = infinity is what [regression] computes"},
    {"dynamics", "times = { start = 0, stop = 1, count = 2 }", "dynamics.times.start: found 0"},
    {"dynamics", "times = { start = 2, stop = 1, count = 2 }", "dynamics.times.stop: found 1"},
    {"dynamics", "times = { start = 1, stop = inf, count = 2 }", "dynamics.times.stop: found inf"},
    {"dynamics", "times = { start = 1, stop = 2, count = 0 }", "dynamics.times.count: found 0"},
    {"dynamics", "times = { start = 1, stop = 2, count = 1 }", "one time cannot reach"},
    {"dynamics", "times = { start = 1, stop = 2, count = 100001 }", "found 100001"},
    {"dynamics", "times = { start = 1, stop = 1.0000000000000004, count = 90 }", "too close"},
    {"dynamics", "times = { start = 1, stop = 2 }", "dynamics.times.count: missing"},
    {"dynamics", "tolerance = 0", "dynamics.tolerance: found 0"},
    {"dynamics", "products = \"regenerated\"", "the spectral method has no products"},
    {"posterior", "times = []", "found a list of 0 times"},
    {"posterior", "times = [inf, inf]", "posterior.times: found inf (float)"},
    {"posterior", "times = [inf, 1]", "posterior.times: found 1 (integer)"},
    {"posterior", "times = [-inf]", "posterior.times: found -inf (float)"},
    {"posterior", "times = { start = 1, stop = inf, count = 2 }",
     "posterior.times.stop: found inf"},
    {"posterior", "quantiles = [0]", "posterior.quantiles: found 0 (integer)"},
    {"posterior", "quantiles = [0.5, 1.0]", "posterior.quantiles: found 1.0 (float)"},
    {"posterior", "quantiles = [nan]", "posterior.quantiles: found nan (float)"},
    {"posterior", "quantiles = [0.9, 0.1]", "posterior.quantiles: found 0.1"},
    {"posterior", "samples = -1", "posterior.samples: found -1"},
    {"spectrum", "count = 0", "spectrum.count: found 0"},
    {"parallel", "grid = [2]", "parallel.grid: found [ 2 ] (list)"},
    {"parallel", "grid = [0, 2]", "parallel.grid: found [ 0, 2 ]"},
    {"parallel", "grid = [1, 3000000000]", "parallel.grid: found"},
    {"parallel", "grid = [1, 2.0]", "parallel.grid: found"},
    {"parallel", "block_size = 0", "parallel.block_size: found 0"},
    {"parallel", "threads = 0", "parallel.threads: found 0"},
    {"parallel", "threads = 3000000000", "parallel.threads: found 3000000000"},
};
INSTANTIATE_TEST_SUITE_P(Impossible, KeyTest, testing::ValuesIn(kImpossible));

const KeyCase kUnavailable[] = {
    {"regression", "solver = \"pcg\"", "not in this version; use \"cholesky\""},
    {"output", "checkpoint = { directory = \"c\" }", "output.checkpoint: checkpoints are not in"},
};
INSTANTIATE_TEST_SUITE_P(Unavailable, KeyTest, testing::ValuesIn(kUnavailable));

const KeyCase kMisspelt[] = {
    {"data", "format = \"idy\"", "; did you mean \"idx\"?"},
    {"data", "trian_size = 5", "data.trian_size: unknown key; did you mean train_size?"},
    {"data", "subset = \"frist\"", "; did you mean \"first\"?"},
    {"data", "preprocess = [\"unit_intervall\"]", "; did you mean \"unit_interval\"?"},
    {"data", "targets = { encodng = \"raw\" }", "data.targets.encodng: unknown key; did you mean"},
    {"data", "targets = { encoding = \"onehot\" }", "; did you mean \"one_hot\"?"},
    {"kernel", "typ = \"ntk\"", "kernel.typ: unknown key; did you mean type?"},
    {"kernel", "activation = \"relo\"", "; did you mean \"relu\"?"},
    {"kernel", "activation = { name = \"rlu\" }", "; did you mean \"relu\"?"},
    {"kernel", "evaluation = \"layerd\"", "; did you mean \"layered\"?"},
    {"kernel", "preset = \"jacto\"", "; did you mean \"jacot\"?"},
    {"kernel", "ridge = 0.1",
     "kernel.ridge: unknown key; did you mean regression.ridge or experiment.ridge?"},
    {"regression", "ridge_scale = \"mean-diagonal\"", "; did you mean \"mean_diagonal\"?"},
    {"dynamics", "times = { strat = 1, start = 1, stop = 2, count = 2 }", "did you mean start?"},
    {"posterior", "training = \"all_layer\"", "; did you mean \"all_layers\"?"},
    {"posterior", "quantile = [0.5]", "posterior.quantile: unknown key; did you mean quantiles?"},
    {"spectrum", "vecotrs = true", "spectrum.vecotrs: unknown key; did you mean vectors?"},
    {"output", "grma = true", "output.grma: unknown key; did you mean gram?"},
    {"parallel", "blocksize = 8", "parallel.blocksize: unknown key; did you mean block_size?"},
    {"parallel", "colour = 8", "parallel.colour: unknown key; allowed: grid, block_size, threads"},
    {"regresion", "ridge = 0.1", "regresion: unknown table; did you mean [regression]?"},
    {"plotting", "", "plotting: unknown table; allowed: [data], [kernel]"},
};
INSTANTIATE_TEST_SUITE_P(Misspelt, KeyTest, testing::ValuesIn(kMisspelt));

TEST(DefaultsTest, AreThoseOfTheManual) {
  ConfigText config;
  config.more = "[regression]\n[dynamics]\n[spectrum]\n";
  const RunConfig run = parse(config.text());
  EXPECT_EQ(run.data.format, DataFormat::idx);
  EXPECT_EQ(run.data.train_size, std::nullopt);
  EXPECT_EQ(run.data.targets.encoding, TargetEncoding::one_hot);
  EXPECT_EQ(run.data.targets.on, 0.9);
  EXPECT_EQ(run.data.targets.off, -0.1);
  EXPECT_EQ(run.kernel.type, KernelType::ntk);
  EXPECT_EQ(run.kernel.architecture.activation.name, "relu");
  EXPECT_EQ(run.kernel.evaluation, EvaluationPath::automatic);
  EXPECT_EQ(run.kernel.architecture.depth, 3);
  EXPECT_EQ(run.kernel.architecture.weight_variance, 2.0);
  EXPECT_EQ(run.kernel.architecture.bias_variance, 0.01);
  EXPECT_EQ(run.regression->ridge.value, 0.0);
  ASSERT_EQ(run.dynamics->times.size(), 25U);
  EXPECT_EQ(run.dynamics->times.front(), 1.0);
  EXPECT_EQ(run.dynamics->times.back(), 1e6);
  EXPECT_EQ(run.regression->precision, Precision::double_precision);
  EXPECT_EQ(run.regression->factorization, Factorization::automatic);
  EXPECT_EQ(run.dynamics->method, FlowMethod::spectral);
  EXPECT_EQ(run.dynamics->products, FlowProducts::stored);
  EXPECT_EQ(run.dynamics->tolerance, 1e-10);
  EXPECT_EQ(run.spectrum->count, std::nullopt);
  EXPECT_TRUE(run.output.predictions);
  EXPECT_FALSE(run.output.gram_depths);
  EXPECT_FALSE(run.output.model);
  EXPECT_EQ(run.parallel.grid, std::nullopt);
}

TEST(PosteriorTest, TrainsWhatTheKernelIsOf) {
  ConfigText config;
  config.data += "test = { inputs = \"a\", targets = \"b\" }\n";
  config.more = "[posterior]\n";
  const RunConfig ntk = parse(config.text());
  ASSERT_TRUE(ntk.posterior);
  EXPECT_EQ(ntk.posterior->times, std::vector{std::numeric_limits<double>::infinity()});
  EXPECT_EQ(ntk.posterior->training, TrainedLayers::all);
  EXPECT_EQ(ntk.posterior->samples, 0);
  config.kernel = "type = \"nngp\"\n";
  EXPECT_EQ(parse(config.text()).posterior->training, TrainedLayers::last);
  config.more += "training = \"all_layers\"\n";
  const auto problems = problems_of(config.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems.front().find("training all layers moves f_t by the NTK"), std::string::npos);
}

TEST(PosteriorTest, NeedsATestSet) {
  ConfigText config;
  config.more = "[posterior]\n";
  for (const char* data : {"", "test = { inputs = \"a\", targets = \"b\" }\ntest_size = 0\n"}) {
    ConfigText none = config;
    none.data += data;
    const auto problems = problems_of(none.text());
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems.front().find("[data] has no test set"), std::string::npos);
  }
  config.data = "format = \"synthetic\"\nsize = 4\nkind = \"circle\"\n";
  EXPECT_EQ(problems_of(config.text()).size(), 1U);
  config.data += "test_size = 5\n";
  EXPECT_TRUE(problems_of(config.text()).empty());
}

TEST(StagesTest, RunWhenTheirTableIsThere) {
  const RunConfig none = parse(ConfigText{}.text());
  EXPECT_FALSE(none.regression || none.dynamics || none.spectrum);
  ConfigText config;
  config.more = "[spectrum]\n";
  const RunConfig one = parse(config.text());
  EXPECT_TRUE(one.spectrum);
  EXPECT_FALSE(one.regression || one.dynamics);
}

TEST(KernelTableTest, ResolvesPresets) {
  ConfigText config;
  config.kernel = "preset = \"jacot\"\n";
  const Architecture jacot = parse(config.text()).kernel.architecture;
  EXPECT_EQ(jacot.weight_variance, 1.0);
  EXPECT_EQ(jacot.bias_variance, 0.01);
  EXPECT_EQ(jacot.first_layer, FirstLayer::normalised);
  config.kernel = "preset = \"arora\"\n";
  const Architecture arora = parse(config.text()).kernel.architecture;
  EXPECT_EQ(arora.weight_variance, 2.0);  // E[relu(z)^2] = 1/2
  EXPECT_EQ(arora.bias_variance, 0.0);
  EXPECT_EQ(arora.first_layer, FirstLayer::plain);
}

TEST(TimesTest, FollowTheirSpacing) {
  ConfigText config;
  config.more = "[dynamics]\ntimes = { start = 1e-300, stop = 1e300, count = 3 }\n";
  const auto far = parse(config.text()).dynamics->times;  // stop / start overflows
  ASSERT_EQ(far.size(), 3U);
  EXPECT_EQ(far.front(), 1e-300);
  EXPECT_NEAR(far[1], 1.0, 700 * std::numeric_limits<double>::epsilon());
  EXPECT_EQ(far.back(), 1e300);
  config.more = "[dynamics]\ntimes = { start = 0, stop = 3, count = 4, spacing = \"linear\" }\n";
  EXPECT_EQ(parse(config.text()).dynamics->times, (std::vector<double>{0.0, 1.0, 2.0, 3.0}));
  config.more = "[dynamics]\ntimes = [0, 0.5, 3]\n";
  EXPECT_EQ(parse(config.text()).dynamics->times, (std::vector<double>{0.0, 0.5, 3.0}));
}

TEST(SyntheticTest, IsRawWithoutBeingTold) {
  ConfigText config;
  config.data = "format = \"synthetic\"\nkind = \"gaussian\"\nsize = 7\ndimension = 3\n";
  const DataOptions data = parse(config.text()).data;
  EXPECT_EQ(data.targets.encoding, TargetEncoding::raw);
  EXPECT_EQ(data.synthetic.kind, SyntheticKind::gaussian);
  EXPECT_EQ(data.synthetic.size, 7);
  EXPECT_EQ(data.synthetic.dimension, 3);
  EXPECT_EQ(data.synthetic.target, "x1*x2");
}

}  // namespace
}  // namespace ntkflow::test
