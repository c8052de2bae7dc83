#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

const std::string kInputs = NTKFLOW_TEST_INPUTS;

/// Configurations of studies are called as the study and do without its name.
std::string study_of(const std::string& file) {
  const std::string stem = std::filesystem::path(file).stem();
  const auto studies = study_names();
  return std::find(studies.begin(), studies.end(), stem) == studies.end() ? "" : stem;
}

ConfigPurpose purpose_of(const std::string& file) {
  return study_of(file).empty() ? ConfigPurpose::run : ConfigPurpose::experiment;
}

RunConfig parse_input(const std::string& name) {
  const std::string path = kInputs + "/" + name;
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return parse_config({text.str(), path, {}, {}, purpose_of(name), study_of(name)});
}

TEST(InputsTest, AllConfigurationsAreValid) {
  int found = 0;
  std::int64_t studies = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kInputs)) {
    if (entry.path().extension() == ".toml") {
      SCOPED_TRACE(entry.path());
      const RunConfig run = parse_input(entry.path().filename());
      const ConfigPurpose purpose = purpose_of(entry.path().filename());
      expect_same(parse_config({run.effective_toml, "", {}, {}, purpose, ""}), run);
      found += purpose == ConfigPurpose::run ? 1 : 0;
      studies += purpose == ConfigPurpose::experiment ? 1 : 0;
    }
  }
  EXPECT_GE(found, 6);
  EXPECT_EQ(studies, std::ssize(study_names()));
}

TEST(InputsTest, SampleIsTheMainJob) {
  const RunConfig run = parse_input("sample.toml");
  EXPECT_EQ(run.data.train.inputs, kInputs + "/mnist-sample/train-images-idx3-ubyte.gz");
  EXPECT_EQ(run.data.test.targets, kInputs + "/mnist-sample/t10k-labels-idx1-ubyte.gz");
  EXPECT_EQ(run.data.preprocess,
            (std::vector{PreprocessStep::unit_interval, PreprocessStep::sphere}));
  EXPECT_EQ(run.kernel.architecture.depth, 3);
  EXPECT_TRUE(run.regression && run.dynamics && run.spectrum);
}

TEST(InputsTest, FullMnistLiesWhereTheEnvironmentSays) {
  unsetenv("NTKFLOW_DATA");  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(parse_input("mnist.toml").data.train.inputs,
            kInputs + "/mnist/train-images-idx3-ubyte.gz");
  const ScopedVariable data("NTKFLOW_DATA", "/scratch/data");
  EXPECT_EQ(parse_input("mnist.toml").data.train.inputs,
            "/scratch/data/mnist/train-images-idx3-ubyte.gz");
  const RunConfig run = parse_input("mnist-10000.toml");
  EXPECT_EQ(run.data.test.inputs, "/scratch/data/mnist/t10k-images-idx3-ubyte.gz");
  EXPECT_EQ(run.data.train_size, 10000);
  EXPECT_EQ(run.regression->ridge.value, 0.0);
  EXPECT_FALSE(run.dynamics);
}

TEST(InputsTest, Lee2018CountsAffineLayers) {
  const RunConfig run = parse_input("lee-2018.toml");
  EXPECT_EQ(run.kernel.type, KernelType::nngp);
  EXPECT_EQ(run.kernel.architecture.depth, 20 + 1);
  EXPECT_EQ(run.data.subset, SubsetRule::per_class);
  EXPECT_EQ(run.data.train_offset, 10000);
  EXPECT_EQ(run.data.preprocess, (std::vector{PreprocessStep::unit_interval, PreprocessStep::center,
                                              PreprocessStep::standardize_samples}));
}

TEST(InputsTest, ExpressionIsAFunctionOfX) {
  const ActivationSpec activation = parse_input("expression.toml").kernel.architecture.activation;
  EXPECT_EQ(activation.name, "expression");
  EXPECT_EQ(activation.expression, "x*tanh(log(1+exp(x)))");
  EXPECT_TRUE(activation.parameters.empty());
}

TEST(InputsTest, CircleIsSynthetic) {
  const RunConfig run = parse_input("circle.toml");
  EXPECT_EQ(run.data.format, DataFormat::synthetic);
  EXPECT_EQ(run.data.synthetic.size, 256);
  EXPECT_EQ(run.data.synthetic.target, "x1*x2");
  EXPECT_TRUE(run.output.gram);
  EXPECT_TRUE(run.spectrum && run.dynamics);
}

}  // namespace
}  // namespace ntkflow::test
