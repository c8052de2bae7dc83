#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>

#include <fmt/format.h>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

/// Reads what is in force as a configuration of its own, from elsewhere.
RunConfig read_back(const RunConfig& run) {
  return parse_config({run.effective_toml, "/another/folder/effective.toml", {}, {}});
}

/// One of each: every key of the language appears in some of these.
std::vector<std::string> samples() {
  ConfigText files;
  files.data =
      "train = { inputs = \"x \\\"1\\\".gz\", targets = 'y\\1.gz' }\n"
      "test = { inputs = \"$${a}\", targets = \"\\tt\\u007f\" }\n"
      "train_size = 100\ntrain_offset = 7\ntest_size = 10\nsubset = \"random\"\nseed = 11\n"
      "preprocess = [\"unit_interval\", \"center_features\", \"sphere\"]\n"
      "targets = { encoding = \"one_hot\", on = 1e-300, off = -0.30000000000000004, classes = 10 "
      "}\n";
  files.kernel =
      "type = \"nngp\"\nactivation = \"erf\"\ndepth = 17\nweight_variance = 1\n"
      "bias_variance = 5e-324\nevaluation = \"layered\"\n";
  files.output =
      "file = \"out.h5\"\npredictions = false\ngram = true\ngram_depths = true\n"
      "model = true\n";
  files.more =
      "[regression]\nridge = 1e22\nridge_scale = \"mean_diagonal\"\nprecision = \"single\"\n"
      "[dynamics]\ntimes = [0, 1, 1.7976931348623157e308]\ntime_unit = \"absolute\"\nseed = 3\n"
      "[posterior]\ntimes = [0, 2.5, inf]\ntime_unit = \"absolute\"\n"
      "[spectrum]\ncount = 5\nvectors = true\nmethod = \"power\"\ntolerance = 1e-7\nseed = 9\n"
      "effective_dimension = [1e-300, 0.1]\ntimes = [0, 0.5]\nmodes = 3\nloss = [1e-9, 2]\n"
      "learning_rate = 1.9\nprojections = 4\ncentre = true\n"
      "[parallel]\ngrid = [2, 3]\nblock_size = 64\nthreads = 2\n";
  ConfigText columns;
  columns.data =
      "format = \"csv\"\ntrain = { inputs = \"x.csv\" }\ntarget_columns = [\"a \\\"b\\\"\", 3]\n"
      "targets = { encoding = \"raw\" }\n";
  columns.kernel = "preset = \"arora\"\n";
  columns.more =
      "[regression]\nprecision = \"mixed\"\nfactorization = \"lookahead\"\n"
      "[dynamics]\ninitial = \"gaussian_process\"\nmethod = \"auto\"\n[spectrum]\n";
  ConfigText ridges;
  ridges.more =
      "[regression]\nridge = [0, 0.1, 1e5]\nselect = \"likelihood\"\npath_method = \"krylov\"\n"
      "[spectrum]\ncount = 4\nmethod = \"full\"\n";
  ConfigText functions;
  functions.data += "test = { inputs = \"a\", targets = \"b\" }\n";
  functions.kernel = "type = \"nngp\"\ndepth = 2\n";
  functions.more =
      "[regression]\n[random_functions]\ncounts = [1, 50, 16777216]\nsource = \"network\"\n"
      "width = 7\ndraws = 3\nseed = 9\n";
  ConfigText process;
  process.data += "test = { inputs = \"a\", targets = \"b\" }\n";
  process.more = "[regression]\n[random_functions]\ncounts = [5]\n";
  ConfigText ridge_grid;
  ridge_grid.more = "[regression]\nridge = { start = 1e-4, stop = 0.7, count = 1000 }\n";
  ConfigText generated;
  generated.data = "format = \"synthetic\"\nkind = \"sphere\"\nsize = 9\ndimension = 4\n";
  generated.kernel = "preset = \"jacot\"\nactivation = { name = \"relu\" }\n";
  generated.more =
      "[regression]\nprecision = \"auto\"\nfactorization = \"scalapack\"\n"
      "[dynamics]\ntimes = { start = 0.1, stop = 0.7, count = 11, spacing = \"linear\" }\n"
      "method = \"krylov\"\nproducts = \"regenerated\"\ntolerance = 1e-7\n"
      "[spectrum]\neffective_dimension = { start = 1e-3, stop = 7, count = 5 }\n"
      "times = { start = 1, stop = 7e5, count = 10 }\n";
  ConfigText cube;
  cube.data = "format = \"synthetic\"\nkind = \"boolean_cube\"\ndimension = 10\ntest_size = 4\n";
  cube.more =
      "[dynamics]\ntimes = { start = 0.1, stop = 7e5, count = 1000 }\n"
      "[posterior]\ntimes = { start = 0.2, stop = 7e5, count = 10 }\ntraining = \"last_layer\"\n"
      "covariance = true\nquantiles = [0.1, 0.30000000000000004]\nsamples = 7\nseed = 8\n";
  ConfigText labels;
  labels.data =
      "format = \"hdf5\"\ntrain = { inputs = \"a.h5:/x\", targets = \"a.h5:/y\" }\n"
      "targets = { encoding = \"class_index\" }\n";
  ConfigText polynomial;
  polynomial.kernel = "type = \"polynomial\"\noffset = 0.30000000000000004\ndegree = 7\n";
  ConfigText laplace;
  laplace.kernel = "type = \"laplace\"\nlength_scale = 1e-3\nevaluation = \"layered\"\n";
  ConfigText arccos;
  arccos.kernel = "type = \"arccos\"\norder = 0\ndepth = 2\n";
  labels.more =
      "[dynamics]\noptimizer = \"heavy_ball\"\nsteps = { start = 1, stop = 1e9, count = 40 }\n"
      "learning_rate = 0.1\nmomentum = 0.30000000000000004\n";
  ConfigText steps;
  steps.more =
      "[dynamics]\noptimizer = \"gradient_descent\"\nsteps = [0, 3, 1000000000]\n"
      "time_unit = \"absolute\"\nlearning_rate = 1e300\nunstable = \"run\"\n";
  return {files.text(),      columns.text(),    generated.text(), cube.text(),   labels.text(),
          steps.text(),      polynomial.text(), laplace.text(),   arccos.text(), ridges.text(),
          ridge_grid.text(), functions.text(),  process.text()};
}

TEST(EffectiveTest, ReadsBackAsTheSameRun) {
  for (const std::string& text : samples()) {
    SCOPED_TRACE(text);
    const RunConfig run = parse(text);
    SCOPED_TRACE(run.effective_toml);
    expect_same(read_back(run), run);
  }
}

TEST(EffectiveTest, HoldsEveryKeyThatThereIs) {
  std::set<std::string> printed;
  std::vector<std::string> texts;
  for (const std::string& text : samples()) {
    texts.push_back(parse(text).effective_toml);
  }
  for (const Study study : all_studies()) {
    texts.push_back(parse_config(minimal_source(study)).effective_toml);
  }
  for (const std::string& text : texts) {
    std::string word;
    for (const char c : text) {
      if ((c >= 'a' && c <= 'z') || c == '_') {
        word += c;
      } else {
        printed.insert(word);
        word.clear();
      }
    }
  }
  std::string table;
  int keys = 0;
  for (std::size_t at = 0, end = 0; at < config_help().size(); at = end + 1) {
    const std::string help = config_help();
    end = help.find('\n', at);
    const std::string line = help.substr(at, end - at);
    if (line.starts_with("  ") && line[2] != ' ') {
      const std::string key = line.substr(2, line.find(' ', 2) - 2);
      EXPECT_TRUE(printed.contains(key)) << key;
      ++keys;
    }
  }
  EXPECT_GT(keys, 40);
}

TEST(EffectiveTest, PrintsDefaults) {
  ConfigText config;
  config.more = "[regression]\n[dynamics]\n[posterior]\n[spectrum]\n";
  config.data += "test = { inputs = \"a\", targets = \"b\" }\n";
  EXPECT_EQ(parse(config.text()).effective_toml,
            "[data]\n"
            "format = \"idx\"\n"
            "train = { inputs = \"/runs/x.gz\", targets = \"/runs/y.gz\" }\n"
            "test = { inputs = \"/runs/a\", targets = \"/runs/b\" }\n"
            "train_offset = 0\n"
            "subset = \"first\"\n"
            "seed = 0\n"
            "preprocess = []\n"
            "targets = { encoding = \"one_hot\", on = 0.9, off = -0.1 }\n"
            "\n"
            "[kernel]\n"
            "type = \"ntk\"\n"
            "activation = \"relu\"\n"
            "depth = 3\n"
            "weight_variance = 2.0\n"
            "bias_variance = 0.01\n"
            "evaluation = \"auto\"\n"
            "\n"
            "[regression]\n"
            "ridge = 0.0\n"
            "ridge_scale = \"absolute\"\n"
            "precision = \"double\"\n"
            "factorization = \"auto\"\n"
            "solver = \"cholesky\"\n"
            "\n"
            "[dynamics]\n"
            "optimizer = \"flow\"\n"
            "times = { start = 1.0, stop = 1000000.0, count = 25, spacing = \"log\" }\n"
            "time_unit = \"inverse_lambda_max\"\n"
            "method = \"spectral\"\n"
            "products = \"stored\"\n"
            "tolerance = 1e-10\n"
            "initial = \"zero\"\n"
            "seed = 0\n"
            "\n"
            "[posterior]\n"
            "times = \"infinity\"\n"
            "time_unit = \"inverse_lambda_max\"\n"
            "training = \"all_layers\"\n"
            "covariance = false\n"
            "quantiles = []\n"
            "samples = 0\n"
            "seed = 0\n"
            "\n"
            "[spectrum]\n"
            "count = \"all\"\n"
            "vectors = false\n"
            "method = \"auto\"\n"
            "tolerance = 1e-10\n"
            "seed = 0\n"
            "times = { start = 1.0, stop = 1000000.0, count = 25, spacing = \"log\" }\n"
            "modes = 10\n"
            "loss = []\n"
            "projections = 0\n"
            "centre = false\n"
            "\n"
            "[output]\n"
            "file = \"/runs/out.h5\"\n"
            "predictions = true\n"
            "gram = false\n"
            "gram_depths = false\n"
            "model = false\n"
            "\n"
            "[parallel]\n"
            "grid = \"auto\"\n"
            "block_size = \"auto\"\n"
            "threads = \"auto\"\n");
}

TEST(EffectiveTest, KeepsDoublesToTheLastBit) {
  std::mt19937_64 random(20240607);
  std::uniform_int_distribution<std::uint64_t> bits;
  int compared = 0;
  while (compared < 300) {
    double ridge = 0.0;
    const std::uint64_t pattern = bits(random) & ~(std::uint64_t{1} << 63);
    static_assert(sizeof(ridge) == sizeof(pattern));
    std::memcpy(&ridge, &pattern, sizeof(ridge));
    if (!std::isfinite(ridge)) {
      continue;
    }
    const RunConfig run =
        parse(ConfigText{}.text(), {fmt::format("regression.ridge={:.17e}", ridge)});
    ASSERT_EQ(run.regression->ridge.value, ridge);
    ASSERT_EQ(read_back(run).regression->ridge.value, ridge);
    ++compared;
  }
}

}  // namespace
}  // namespace ntkflow::test
