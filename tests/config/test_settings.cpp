#include <ostream>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

TEST(SettingTest, ReplacesAValueOfTheFile) {
  ConfigText config;
  config.kernel = "depth = 3\n";
  EXPECT_EQ(parse(config.text()).kernel.architecture.depth, 3);
  EXPECT_EQ(parse(config.text(), {"kernel.depth=5"}).kernel.architecture.depth, 5);
  EXPECT_EQ(parse(config.text(), {" kernel.depth = 5 "}).kernel.architecture.depth, 5);
}

TEST(SettingTest, AppliesInOrder) {
  const std::string text = ConfigText{}.text();
  EXPECT_EQ(parse(text, {"kernel.depth=5", "kernel.depth=7"}).kernel.architecture.depth, 7);
}

TEST(SettingTest, AddsKeysAndTables) {
  const std::string text = ConfigText{}.text();
  const RunConfig run =
      parse(text, {"data.targets.on=0.5", "regression.ridge=1e-3", "spectrum.vectors=true"});
  EXPECT_EQ(run.data.targets.on, 0.5);
  EXPECT_EQ(run.data.targets.off, -0.1);
  ASSERT_TRUE(run.regression);
  EXPECT_EQ(run.regression->ridge.value, 1e-3);
  ASSERT_TRUE(run.spectrum);
  EXPECT_TRUE(run.spectrum->vectors);
}

TEST(SettingTest, ReplacesOneKeyOfAnInlineTable) {
  ConfigText config;
  config.data += "targets = { on = 2.0, off = 1.0 }\n";
  const TargetOptions targets = parse(config.text(), {"data.targets.off=-1"}).data.targets;
  EXPECT_EQ(targets.on, 2.0);
  EXPECT_EQ(targets.off, -1.0);
}

TEST(SettingTest, TakesAnyTomlValue) {
  const std::string text = ConfigText{}.text();
  const RunConfig run = parse(text, {"data.preprocess=[\"center\", \"sphere\"]",
                                     "data.targets={ encoding = \"class_index\" }",
                                     "parallel.grid=[2, 3]", "output.file='a = b.h5'"});
  EXPECT_EQ(run.data.preprocess, (std::vector{PreprocessStep::center, PreprocessStep::sphere}));
  EXPECT_EQ(run.data.targets.encoding, TargetEncoding::class_index);
  EXPECT_EQ(run.parallel.grid, (GridShape{2, 3}));
  EXPECT_EQ(run.output.file, "/runs/a = b.h5");
}

TEST(SettingTest, TakesPlainTextAsAString) {
  const std::string text = ConfigText{}.text();
  const ScopedVariable scratch("NTKFLOW_TEST_SCRATCH", "/scratch");
  const RunConfig run =
      parse(text, {"kernel.type=nngp", "output.file=${NTKFLOW_TEST_SCRATCH}/r 1.h5"});
  EXPECT_EQ(run.kernel.type, KernelType::nngp);
  EXPECT_EQ(run.output.file, "/scratch/r 1.h5");
}

/// A setting and how the line about it begins.
struct SettingCase {
  std::string setting;
  std::string answer;
};

void PrintTo(const SettingCase& setting, std::ostream* out) {
  *out << setting.setting;
}

class WrongSettingTest : public testing::TestWithParam<SettingCase> {};

TEST_P(WrongSettingTest, IsNamed) {
  ConfigText config;
  config.kernel = "activation = \"relu\"\n";
  const auto problems = problems_of(config.text(), {GetParam().setting});
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].find("--set " + GetParam().setting + ": " + GetParam().answer), 0U)
      << problems[0];
}

const SettingCase kWrongSettings[] = {
    {"data.train_size=0", "data.train_size: found 0 (integer); allowed: an integer >= 1"},
    {"data.train_size=ten", "data.train_size: found \"ten\" (string); allowed: an integer >= 1"},
    {"data.train_size=1 2", "data.train_size: found \"1 2\" (string)"},
    {"data.trian_size=5", "data.trian_size: unknown key; did you mean train_size?"},
    {"dta.size=5", "dta: unknown table; did you mean [data]?"},
    {"data.preprocess=[sphere]", "data.preprocess: not a TOML value: "},
    {"kernel.type=\"ntk", "kernel.type: not a TOML value: "},
    {"kernel.type=it's", "kernel.type: not a TOML value: "},
    {"kernel.activation.slope=1", "kernel.activation.slope: `activation` is not a table"},
    {"data.targets={ on = 1, onn = 2 }", "data.targets.onn: unknown key; did you mean on?"},
    {"posterior.times=[1]", "posterior.times: the law of f_t is that at the test points"},
    {"train_size=5", "setting: allowed: table.key=VALUE"},
    {"kernel.depth", "setting: allowed: table.key=VALUE"},
    {"kernel.depth=", "setting: allowed: table.key=VALUE"},
    {"kernel..depth=5", "setting: allowed: table.key=VALUE"},
    {"kernel.de pth=5", "setting: allowed: table.key=VALUE"},
    {"=5", "setting: allowed: table.key=VALUE"},
    {"", "setting: allowed: table.key=VALUE"},
};
TEST(SettingTest, HoldsOneKey) {
  const auto problems =
      problems_of(ConfigText{}.text(), {"regression.ridge=1\nridge_scale = \"absolute\""});
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].find("--set regression.ridge=1?ridge_scale = \"absolute\": "
                             "regression.ridge: not a TOML value"),
            0U)
      << problems[0];
}

INSTANTIATE_TEST_SUITE_P(All, WrongSettingTest, testing::ValuesIn(kWrongSettings));

}  // namespace
}  // namespace ntkflow::test
