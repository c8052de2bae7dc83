#include <ntkflow/data/options.hpp>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

TEST(PreprocessNamesTest, AreThoseOfTheDataModule) {
  const std::vector all = {PreprocessStep::unit_interval,
                           PreprocessStep::center,
                           PreprocessStep::center_features,
                           PreprocessStep::standardize_features,
                           PreprocessStep::standardize_samples,
                           PreprocessStep::unit_norm,
                           PreprocessStep::sphere};
  for (const PreprocessStep step : all) {
    ConfigText config;
    config.data += "preprocess = [\"" + to_string(step) + "\"]\n";
    EXPECT_EQ(parse(config.text()).data.preprocess, std::vector{step}) << to_string(step);
  }
}

TEST(ActivationNamesTest, AreThoseOfTheKernelModule) {
  for (const std::string& name : activation_names()) {
    if (!check_activation({name, {}}).empty()) {
      continue;  // needs parameters
    }
    ConfigText config;
    config.kernel = "type = \"nngp\"\nactivation = \"" + name + "\"\n";
    EXPECT_EQ(parse(config.text()).kernel.architecture.activation.name, name);
  }
}

TEST(EvaluationPathNamesTest, AreThoseOfTheKernelModule) {
  for (const EvaluationPath path : {EvaluationPath::automatic, EvaluationPath::fused,
                                    EvaluationPath::layered, EvaluationPath::reference}) {
    ConfigText config;
    config.kernel = "evaluation = \"" + to_string(path) + "\"\n";
    EXPECT_EQ(parse(config.text()).kernel.evaluation, path) << to_string(path);
  }
}

}  // namespace
}  // namespace ntkflow::test
