#include <ostream>
#include <string>
#include <vector>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

ConfigSource with_settings(Study study, const std::vector<std::string>& settings) {
  ConfigSource source = minimal_source(study);
  source.settings = settings;
  return source;
}

ExperimentOptions read(Study study, const std::vector<std::string>& settings) {
  const RunConfig run = parse_config(with_settings(study, settings));
  // What was read can be written and read again.
  expect_same(parse_config({run.effective_toml, "", {}, {}, ConfigPurpose::experiment, ""}), run);
  return *run.experiment;
}

TEST(KernelStudiesTest, ReadEveryKey) {
  const DepthOptions depth =
      read(Study::depth, {"experiment.depths=1000", "experiment.ridge=0"}).depth;
  EXPECT_EQ(depth.depths, 1000);
  EXPECT_EQ(depth.ridge, 0.0);
  const LearningRateOptions rate =
      read(Study::learning_rate, {"experiment.rates=[0.25, 4]", "experiment.steps=7"})
          .learning_rate;
  EXPECT_EQ(rate.rates, (std::vector{0.25, 4.0}));
  EXPECT_EQ(rate.steps, 7);
  const EarlyStoppingOptions noise =
      read(Study::early_stopping, {"experiment.label_noise=0", "experiment.seed=5"}).early_stopping;
  EXPECT_EQ(noise.label_noise, 0.0);
  EXPECT_EQ(noise.seed, 5U);
  const SampleComplexityOptions cube =
      read(Study::sample_complexity,
           {"experiment.dimensions=[6, 4096]", "experiment.ratios=[0.03, 0.5]",
            "experiment.test_size=1", "experiment.draws=1000000", "experiment.seed=3"})
          .sample_complexity;
  EXPECT_EQ(cube.dimensions, (std::vector<std::int64_t>{6, 4096}));
  EXPECT_EQ(cube.ratios, (std::vector{0.03, 0.5}));
  EXPECT_EQ(cube.test_size, 1);
  EXPECT_EQ(cube.draws, 1'000'000);
  EXPECT_EQ(cube.seed, 3U);
}

TEST(KernelStudiesTest, HaveTheDefaultsOfTheManual) {
  EXPECT_EQ(read(Study::depth, {}).depth.depths, 10);
  EXPECT_EQ(read(Study::depth, {}).depth.ridge, 1e-4);
  EXPECT_EQ(read(Study::learning_rate, {}).learning_rate.rates,
            (std::vector{0.5, 1.0, 1.9, 1.99, 2.01, 2.1}));
  EXPECT_EQ(read(Study::learning_rate, {}).learning_rate.steps, 1000);
  EXPECT_EQ(read(Study::early_stopping, {}).early_stopping.label_noise, 0.3);
  const SampleComplexityOptions cube = read(Study::sample_complexity, {}).sample_complexity;
  EXPECT_EQ(cube.dimensions, (std::vector<std::int64_t>{24, 32, 40, 48}));
  EXPECT_EQ(cube.ratios, (std::vector{0.125, 0.25, 0.5, 1.0, 2.0, 4.0}));
  EXPECT_EQ(cube.test_size, 1000);
  EXPECT_EQ(cube.draws, 4);
}

struct Setting {
  Study study;
  std::string setting;
  std::string answer;  ///< a part of the one problem; empty: accepted
};

void PrintTo(const Setting& setting, std::ostream* out) {
  *out << setting.setting;
}

class KernelStudyKeyTest : public testing::TestWithParam<Setting> {};

TEST_P(KernelStudyKeyTest, IsAcceptedOrExplained) {
  const auto& [study, setting, answer] = GetParam();
  expect_answer(problems_of(with_settings(study, {setting})), answer);
}

const Setting kSettings[] = {
    {Study::depth, "experiment.depths=0", "experiment.depths: found 0 (integer); allowed"},
    {Study::depth, "experiment.depths=1001", "experiment.depths: found 1001"},
    {Study::depth, "experiment.ridge=-1e-9", "experiment.ridge: found"},
    {Study::depth, "data.targets={encoding=\"class_index\"}", ""},
    {Study::depth, "data.targets={encoding=\"raw\"}", "data.targets: this study counts samples"},
    {Study::early_stopping, "data.targets={encoding=\"class_index\"}",
     "data.targets: label noise needs one output for each class"},
    {Study::depth, "experiment.rates=[1]", "\"depth\" has no use for this key"},
    {Study::learning_rate, "experiment.rates=[]", "experiment.rates: found [] (list)"},
    {Study::learning_rate, "experiment.rates=[0.0]", "experiment.rates: found 0.0"},
    {Study::learning_rate, "experiment.rates=[4.5]", "experiment.rates: found 4.5"},
    {Study::learning_rate, "experiment.rates=[1, 1]", "experiment.rates: found 1"},
    {Study::learning_rate, "experiment.steps=0", "experiment.steps: found 0"},
    {Study::learning_rate, "experiment.steps=3383", "allowed: at most 3382 steps"},
    {Study::learning_rate, "experiment.steps=3382", ""},
    {Study::learning_rate, "experiment.label_noise=0.1", "has no use for this key"},
    {Study::early_stopping, "experiment.label_noise=1", "experiment.label_noise: found 1"},
    {Study::early_stopping, "experiment.label_noise=-0.1", "experiment.label_noise: found -0.1"},
    {Study::early_stopping, "experiment.seed=-1", "experiment.seed: found -1"},
    {Study::early_stopping, "experiment.draws=2", "has no use for this key"},
    {Study::sample_complexity, "experiment.dimensions=[1]", "experiment.dimensions: found 1"},
    {Study::sample_complexity, "experiment.dimensions=[32, 16]", "experiment.dimensions: found 16"},
    {Study::sample_complexity, "experiment.dimensions=[8]", "half of its corners"},
    {Study::sample_complexity, "experiment.ratios=[1e-9]", "0 samples"},
    {Study::sample_complexity, "experiment.ratios=[0]", "experiment.ratios: found 0"},
    {Study::sample_complexity, "experiment.test_size=0", "experiment.test_size: found 0"},
    {Study::sample_complexity, "experiment.test_size=1000001",
     "experiment.test_size: found 1000001"},
    {Study::sample_complexity, "experiment.draws=0", "experiment.draws: found 0"},
};
INSTANTIATE_TEST_SUITE_P(Keys, KernelStudyKeyTest, testing::ValuesIn(kSettings));

}  // namespace
}  // namespace ntkflow::test
