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
  } else if (key.table == "random_functions") {
    config.data += "test = { inputs = \"a\", targets = \"b\" }\n";
    config.more = "[regression]\n[random_functions]\n" + line;
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
    {"synthetic", "kind = \"boolean_cube\"\ndimension = 24", ""},
    {"synthetic", "kind = \"boolean_cube\"\ndimension = 62\ntrain_size = 9", ""},
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
    {"dynamics", "optimizer = \"flow\"", ""},
    {"dynamics", "optimizer = \"gradient_descent\"\nsteps = [0, 1, 1000000000]", ""},
    {"dynamics", "optimizer = \"heavy_ball\"\nmomentum = 0\nlearning_rate = 2", ""},
    {"dynamics", "optimizer = \"nesterov\"\nlearning_rate = 1e-3\ntime_unit = \"absolute\"", ""},
    {"dynamics", "optimizer = \"nesterov\"\nlearning_rate = 9\nunstable = \"run\"", ""},
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
    {"spectrum", "count = 3\nmethod = \"lanczos\"\ntolerance = 1e-8\nseed = 4", ""},
    {"spectrum", "method = \"full\"\nprojections = 7\ncentre = true", ""},
    {"spectrum", "effective_dimension = [1e-3, 2]\ntimes = [0, 1]\nmodes = 0", ""},
    {"spectrum", "effective_dimension = { start = 1e-3, stop = 2, count = 4 }", ""},
    {"spectrum", "loss = [0.1, 1]\nlearning_rate = 1.999", ""},
    {"spectrum", "tolerance = 1e-2\nseed = 1", ""},
    {"spectrum", "method = \"full\"\nprojections = 2\ncentre = true\nseed = 1", ""},
    {"spectrum", "count = 3\nmodes = 3", ""},
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
    {"dynamics", "optimizer = 1", "dynamics.optimizer: found 1 (integer)"},
    {"dynamics", "optimizer = \"nesterov\"\nsteps = 5", "dynamics.steps: found 5 (integer)"},
    {"dynamics", "optimizer = \"nesterov\"\nsteps = [1.0]", "dynamics.steps: found 1.0 (float)"},
    {"dynamics", "optimizer = \"nesterov\"\nlearning_rate = \"1\"",
     "dynamics.learning_rate: found \"1\" (string)"},
    {"dynamics", "optimizer = \"nesterov\"\nmomentum = true", "dynamics.momentum: found true"},
    {"dynamics", "optimizer = \"nesterov\"\nunstable = 1", "dynamics.unstable: found 1 (integer)"},
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
    {"spectrum", "method = 1", "spectrum.method: found 1 (integer)"},
    {"spectrum", "effective_dimension = 0.5",
     "spectrum.effective_dimension: found 0.5 (float); allowed: a list of ascending"},
    {"spectrum", "times = \"infinity\"", "spectrum.times: found \"infinity\" (string)"},
    {"spectrum", "loss = 0.5", "spectrum.loss: found 0.5 (float)"},
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
    {"synthetic", "kind = \"boolean_cube\"\ndimension = 63\nsize = 9",
     "ntkflow experiment boolean-cube"},
    {"synthetic", "kind = \"boolean_cube\"\ndimension = 25", "ntkflow experiment boolean-cube"},
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
    {"regression", "ridge = []", "regression.ridge: found [] (list)"},
    {"regression", "ridge = [0.1, -2.0]", "regression.ridge: found -2.0 (float)"},
    {"regression", "ridge = [1, 0.5]", "regression.ridge: found 0.5 (float)"},
    {"regression", "ridge = [1, inf]", "regression.ridge: found inf (float)"},
    {"regression", "ridge = [\"a\"]", "regression.ridge: found"},
    {"regression", "ridge = { start = -1, stop = 1, count = 3 }",
     "regression.ridge.start: found -1"},
    {"regression", "ridge = { start = 0, stop = 1, count = 3 }", "regression.ridge.start: found 0"},
    {"regression", "ridge = { start = 1, stop = 2, count = 1001 }", "found 1001"},
    {"regression", "ridge = { start = 1, stop = 2, count = 1 }", "one ridge cannot reach"},
    {"regression", "ridge = 1\nselect = \"gcv\"", "one ridge leaves nothing to choose"},
    {"regression", "path_method = \"krylov\"", "one ridge leaves nothing to choose"},
    {"regression", "ridge = [1, 2]\nselect = \"test\"", "regression.select: found \"test\""},
    {"regression", "ridge = [1, 2]\nselect = \"leave_one_out\"\npath_method = \"krylov\"",
     "allowed: \"gcv\" or \"likelihood\""},
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
    {"dynamics", "steps = [1]", "dynamics.steps: gradient flow takes no steps"},
    {"dynamics", "learning_rate = 1", "dynamics.learning_rate: gradient flow takes no steps"},
    {"dynamics", "unstable = \"run\"", "dynamics.unstable: gradient flow takes no steps"},
    {"dynamics", "momentum = 0.5", "dynamics.momentum: allowed with optimizer = \"heavy_ball\""},
    {"dynamics", "times = [1]\nsteps = [1]", "dynamics.steps: gradient flow takes no steps"},
    {"dynamics", "optimizer = \"gradient_descent\"\ntimes = [1]",
     "dynamics.times: an optimizer is looked at after numbers of steps"},
    {"dynamics", "optimizer = \"gradient_descent\"\nsteps = [1]\ntimes = [1]",
     "dynamics.times: an optimizer"},
    {"dynamics", "optimizer = \"gradient_descent\"\nmomentum = 0.5", "dynamics.momentum: allowed"},
    {"dynamics", "optimizer = \"gradient_descent\"\ntime_unit = \"absolute\"",
     "dynamics.learning_rate: missing"},
    {"dynamics", "optimizer = \"gradient_descent\"\nlearning_rate = 0",
     "dynamics.learning_rate: found 0"},
    {"dynamics", "optimizer = \"gradient_descent\"\nlearning_rate = -1.0",
     "dynamics.learning_rate: found -1.0"},
    {"dynamics", "optimizer = \"heavy_ball\"\nmomentum = 1", "dynamics.momentum: found 1"},
    {"dynamics", "optimizer = \"heavy_ball\"\nmomentum = -0.1", "dynamics.momentum: found -0.1"},
    {"dynamics", "optimizer = \"heavy_ball\"\nsteps = []", "dynamics.steps: found []"},
    {"dynamics", "optimizer = \"heavy_ball\"\nsteps = [2, 1]", "dynamics.steps: found 1"},
    {"dynamics", "optimizer = \"heavy_ball\"\nsteps = [-1]", "dynamics.steps: found -1"},
    {"dynamics", "optimizer = \"heavy_ball\"\nsteps = [1000000001]", "found 1000000001"},
    {"dynamics", "optimizer = \"heavy_ball\"\nsteps = { start = 1.5, stop = 9, count = 3 }",
     "dynamics.steps: start and stop are numbers of steps"},
    {"dynamics", "optimizer = \"heavy_ball\"\nsteps = { start = 1, stop = 1e10, count = 3 }",
     "dynamics.steps: start and stop are numbers of steps"},
    {"dynamics", "optimizer = \"heavy_ball\"\nsteps = { start = 0, stop = 9, count = 3 }",
     "dynamics.steps.start: found 0"},
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
    {"random_functions", "counts = []", "random_functions.counts: found [] (list)"},
    {"random_functions", "counts = [10, 10]", "random_functions.counts: found 10 (integer)"},
    {"random_functions", "counts = [0]", "random_functions.counts: found 0 (integer)"},
    {"random_functions", "counts = [2.5]", "random_functions.counts: found 2.5 (float)"},
    {"random_functions", "seed = 1", "random_functions.counts: missing"},
    {"random_functions", "counts = [2]\ndraws = 0", "random_functions.draws: found 0"},
    {"random_functions", "counts = [2]\nwidth = 4", "a Gaussian process has no units"},
    {"random_functions", "counts = [2]\nsource = \"network\"", "kernel.type = \"nngp\" with"},
    {"random_functions", "counts = [2]\nsource = \"networks\"", "did you mean \"network\"?"},
    {"spectrum", "count = 0", "spectrum.count: found 0"},
    {"spectrum", "method = \"power\"", "spectrum.method: \"power\" finds leading eigenpairs"},
    {"spectrum", "count = \"all\"\nmethod = \"lanczos\"", "spectrum.method: \"lanczos\" finds"},
    {"spectrum", "tolerance = 1e-15", "spectrum.tolerance: found 1e-15"},
    {"spectrum", "effective_dimension = [0]", "spectrum.effective_dimension: found 0 (integer)"},
    {"spectrum", "effective_dimension = [2, 1]",
     "spectrum.effective_dimension: found 1 (integer), not above the one before it: the list must "
     "ascend; allowed: "},
    {"spectrum", "times = [0.05, 0.05]", "spectrum.times: found 0.05 (float), not above"},
    {"spectrum", "times = [[0.05, 1.0]]", "found [ 0.05, 1.0 ] (list)"},
    {"spectrum", "effective_dimension = { start = 0, stop = 1, count = 2 }",
     "spectrum.effective_dimension.start: found 0"},
    {"spectrum", "times = [1, 0]", "spectrum.times: found 0 (integer)"},
    {"spectrum", "modes = -1", "spectrum.modes: found -1"},
    {"spectrum", "loss = [0]", "spectrum.loss: found 0 (integer)"},
    {"spectrum", "learning_rate = 2", "spectrum.learning_rate: 2 / lambda_max: gradient descent"},
    {"spectrum", "learning_rate = 0", "spectrum.learning_rate: 0 / lambda_max: gradient descent"},
    {"spectrum", "projections = -1", "spectrum.projections: found -1"},
    {"spectrum", "count = 3\nprojections = 4", "spectrum.projections: 4 components need"},
    {"spectrum", "tolerance = 0.1", "spectrum.tolerance: found 0.1"},
    {"spectrum", "learning_rate = 1", "spectrum.learning_rate: it is that of the steps"},
    {"spectrum", "centre = true", "spectrum.centre: kernel PCA takes place"},
    {"spectrum", "method = \"full\"\ntolerance = 1e-8", "spectrum.tolerance: the full eigensolve"},
    {"spectrum", "method = \"full\"\nprojections = 2\nseed = 1", "spectrum.seed: the full"},
    {"spectrum", "count = 3\nmodes = 4", "spectrum.modes: 4 learning curves need"},
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
    {"dynamics", "optimizer = \"heavyball\"", "did you mean \"heavy_ball\"?"},
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
  EXPECT_EQ(run.spectrum->method, SpectrumMethod::automatic);
  EXPECT_EQ(run.spectrum->times, run.dynamics->times);
  EXPECT_TRUE(run.spectrum->ridges.empty());
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

TEST(StepsTest, AreWholeAndDistinct) {
  ConfigText config;
  config.more =
      "[dynamics]\noptimizer = \"heavy_ball\"\n"
      "steps = { start = 1, stop = 10, count = 7 }\n";
  const DynamicsOptions options = *parse(config.text()).dynamics;
  EXPECT_EQ(options.times, (std::vector<double>{1.0, 2.0, 3.0, 5.0, 7.0, 10.0}));
  EXPECT_EQ(options.momentum, 0.9);
  EXPECT_EQ(options.learning_rate, 1.0);
  EXPECT_EQ(options.unstable, UnstableRate::refuse);
  config.more = "[dynamics]\noptimizer = \"gradient_descent\"\n";
  const DynamicsOptions standard = *parse(config.text()).dynamics;
  EXPECT_EQ(standard.times.size(), 25U);
  EXPECT_EQ(standard.times[1], 2.0);
  EXPECT_EQ(standard.times.back(), 1e6);
  EXPECT_EQ(standard.momentum, 0.0);
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
