#include <cmath>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

RunConfig parse_kernel(const std::string& kernel) {
  ConfigText config;
  config.kernel = kernel;
  return parse(config.text());
}

/// A kernel with one key, in the digits of a double, or as an integer.
std::string with_parameter(const std::string& name, const KernelParameter& parameter,
                           double value) {
  std::ostringstream text;
  text.precision(17);
  text << "type = \"" << name << "\"\n" << parameter.name << " = ";
  if (parameter.is_integer) {
    text << static_cast<std::int64_t>(value);
  } else {
    text << value;
  }
  text << "\n";
  return text.str();
}

TEST(NamedKernelTest, HasTheDefaultsOfTheKernelModule) {
  for (const std::string& name : named_kernels()) {
    SCOPED_TRACE(name);
    const RunConfig run = parse_kernel("type = \"" + name + "\"\n");
    EXPECT_EQ(run.kernel.type, KernelType::nngp);
    ASSERT_TRUE(run.kernel.named);
    EXPECT_EQ(run.kernel.named->name, name);
    std::vector<double> defaults;
    for (const KernelParameter& parameter : kernel_parameters(name)) {
      defaults.push_back(parameter.fallback);
    }
    EXPECT_EQ(run.kernel.named->parameters, defaults);
    expect_same(run.kernel.architecture.activation, architecture_of(*run.kernel.named).activation);
  }
  EXPECT_FALSE(parse_kernel("").kernel.named);
  EXPECT_FALSE(parse_kernel("type = \"nngp\"\n").kernel.named);
}

TEST(NamedKernelTest, TakesWhatTheKernelModuleAllows) {
  for (const std::string& name : named_kernels()) {
    for (const KernelParameter& parameter : kernel_parameters(name)) {
      SCOPED_TRACE(name + " " + parameter.name);
      for (const double value : {parameter.lowest, parameter.highest}) {
        const RunConfig run = parse_kernel(with_parameter(name, parameter, value));
        EXPECT_EQ(check_named_kernel(*run.kernel.named), "");
        expect_same(parse_config({run.effective_toml, "", {}, {}}), run);
      }
      const double step = parameter.is_integer ? 1.0 : 1e-9;
      for (const double value : {parameter.lowest - step, parameter.highest * (1.0 + step)}) {
        ConfigText config;
        config.kernel = with_parameter(name, parameter, value);
        expect_answer(problems_of(config.text()), "kernel." + parameter.name + ": found ");
      }
    }
  }
}

TEST(NamedKernelTest, IsPrintedWithItsParameters) {
  const RunConfig run = parse_kernel("type = \"polynomial\"\ndegree = 3\n");
  EXPECT_NE(run.effective_toml.find("[kernel]\ntype = \"polynomial\"\noffset = 1.0\ndegree = 3\n"
                                    "evaluation = \"auto\"\n\n"),
            std::string::npos)
      << run.effective_toml;
  EXPECT_EQ(named_kernel_text(*run.kernel.named), "polynomial, offset 1, degree 3");
  EXPECT_EQ(named_kernel_text({"linear", {}}), "linear");
}

/// Keys of [kernel], and what the configuration answers.
struct KernelCase {
  std::string kernel;
  std::string answer;
};

void PrintTo(const KernelCase& wrong, std::ostream* out) {
  *out << wrong.kernel;
}

class WrongKernelTest : public testing::TestWithParam<KernelCase> {};

TEST_P(WrongKernelTest, IsExplained) {
  ConfigText config;
  config.kernel = GetParam().kernel + "\n";
  expect_answer(problems_of(config.text()), GetParam().answer);
}

const KernelCase kWrong[] = {
    {"type = \"polynomial\"\ndegree = 0",
     "kernel.degree: found 0 (integer); allowed: an integer from 1 to 100"},
    {"type = \"polynomial\"\ndegree = 2.0", "kernel.degree: found 2.0 (float)"},
    {"type = \"polynomial\"\noffset = -0.5",
     "kernel.offset: found -0.5 (float); allowed: a finite number from 0 to 1e6"},
    {"type = \"polynomial\"\noffset = inf", "kernel.offset: found inf"},
    {"type = \"rbf\"\nlength_scale = 0",
     "kernel.length_scale: found 0 (integer); allowed: a finite number from 1e-6 to 1e6"},
    {"type = \"laplace\"\nlength_scale = -1.0", "kernel.length_scale: found -1.0 (float)"},
    {"type = \"laplace\"\nlength_scale = \"1\"", "kernel.length_scale: found \"1\" (string)"},
    {"type = \"arccos\"\norder = 6", "kernel.order: found 6 (integer); allowed: an integer from 0"},
    {"type = \"arccos\"\ndepth = 0", "kernel.depth: found 0 (integer)"},
    {"type = \"gaussian\"",
     "kernel.type: found \"gaussian\" (string); allowed: \"ntk\" | \"nngp\""},
    {"type = \"laplac\"", "did you mean \"laplace\"?"},
    {"type = \"rbf\"\nactivation = \"relu\"",
     "kernel.activation: type = \"rbf\" has no such key; its keys are type, length_scale, "
     "evaluation; remove it"},
    {"type = \"rbf\"\nweight_variance = 2.0", "kernel.weight_variance: type = \"rbf\" has no"},
    {"type = \"rbf\"\nbias_variance = 0.0", "kernel.bias_variance: type = \"rbf\" has no"},
    {"type = \"linear\"\npreset = \"jacot\"", "kernel.preset: type = \"linear\" has no such key"},
    {"type = \"linear\"\ndepth = 1", "kernel.depth: type = \"linear\" has no such key"},
    {"type = \"laplace\"\ndegree = 2", "kernel.degree: type = \"laplace\" has no such key"},
    {"type = \"arccos\"\nactivation = \"relu\"", "kernel.activation: type = \"arccos\" has no"},
    {"length_scale = 1.0",
     "kernel.length_scale: type = \"ntk\" has no such key; its keys are type, "
     "activation, depth, "},
    {"type = \"nngp\"\norder = 1", "kernel.order: type = \"nngp\" has no such key"},
    {"type = \"nngp\"\nactivation = \"laplace\"", "kernel.activation: found \"laplace\" (string)"},
    {"type = \"nngp\"\nactivation = \"offset_power\"", "kernel.activation: found \"offset_power\""},
};
INSTANTIATE_TEST_SUITE_P(All, WrongKernelTest, testing::ValuesIn(kWrong));

TEST(NamedKernelStagesTest, HaveMatricesByDepthForArccosAlone) {
  ConfigText config;
  config.output += "gram_depths = true\n";
  for (const std::string& name : named_kernels()) {
    config.kernel = "type = \"" + name + "\"\n";
    expect_answer(problems_of(config.text()),
                  name == "arccos" ? "" : "output.gram_depths: the kernel of type = \"" + name);
  }
}

TEST(NamedKernelStagesTest, TrainTheLastLayer) {
  ConfigText config;
  config.data += "test = { inputs = \"a\", targets = \"b\" }\n";
  config.kernel = "type = \"laplace\"\n";
  config.more = "[posterior]\n";
  EXPECT_EQ(parse(config.text()).posterior->training, TrainedLayers::last);
  config.more += "training = \"all_layers\"\n";
  expect_answer(problems_of(config.text()),
                "moves f_t by the NTK, and kernel.type is \"laplace\"; allowed");
}

TEST(NamedKernelStagesTest, AreNotForExperiments) {
  for (const std::string& name : named_kernels()) {
    ExperimentText text;
    text.kernel = "type = \"" + name + "\"\n";
    expect_answer(problems_of(text.source()),
                  "kernel.type: networks are trained in all layers; allowed: \"ntk\"");
  }
}

}  // namespace
}  // namespace ntkflow::test
