#include <random>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

std::string valid_text() {
  ConfigText config;
  config.data +=
      "test = { inputs = \"${NTKFLOW_TEST_UNSET:-a}\", targets = \"b\" }\ntrain_size = 10\n"
      "preprocess = [\"unit_interval\", \"sphere\"]\ntargets = { on = 0.9, off = -0.1 }\n";
  config.kernel = "type = \"ntk\"\nactivation = { name = \"relu\" }\ndepth = 3\n";
  config.more =
      "[regression]\nridge = 0.0\n[dynamics]\ntimes = { start = 1.0, stop = 1e6, count = 25 }\n"
      "[spectrum]\ncount = \"all\"\n[parallel]\ngrid = [1, 2]\n";
  return config.text();
}

/// A few bytes changed, dropped, doubled or cut off.
std::string mutate(std::string text, std::mt19937_64& random) {
  const auto below = [&random](std::size_t bound) { return random() % bound; };
  static constexpr char kTelling[] = "\"'[]{}=.,\n#$-0e\x00\xff";
  for (std::size_t edits = 1 + below(4); edits > 0 && !text.empty(); --edits) {
    const std::size_t at = below(text.size());
    switch (below(5)) {
      case 0:
        text[at] = static_cast<char>(below(256));
        break;
      case 1:
        text[at] = kTelling[below(sizeof(kTelling))];
        break;
      case 2:
        text.erase(at, 1 + below(8));
        break;
      case 3:
        text.insert(at, text.substr(below(text.size()), 1 + below(20)));
        break;
      default:
        text.insert(at, 1, kTelling[below(sizeof(kTelling))]);
        break;
    }
  }
  return text;
}

/// Accepted runs must also read back: returns whether this one was.
bool read(const ConfigSource& source) {
  try {
    const RunConfig run = parse_config(source);
    const RunConfig again = parse_config({run.effective_toml, "", {}, {}});
    EXPECT_EQ(again.effective_toml, run.effective_toml);
    return true;
  } catch (const ConfigError& error) {
    EXPECT_STRNE(error.what(), "");
    return false;
  }
}

TEST(MutationTest, LeadsToARunOrToAConfigError) {
  const std::string valid = valid_text();
  ASSERT_TRUE(read({valid, "/runs/run.toml", {}, {}}));
  std::mt19937_64 random(1);
  int accepted = 0;
  constexpr int kTrials = 4000;
  for (int i = 0; i < kTrials; ++i) {
    accepted += read({mutate(valid, random), "/runs/run.toml", {}, {}}) ? 1 : 0;
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, kTrials);
}

TEST(MutationTest, OfSettingsLeadsToARunOrToAConfigError) {
  const std::string valid = valid_text();
  const std::string settings[] = {"data.targets.on=0.5", "kernel.type=nngp", "parallel.grid=[1, 2]",
                                  "data.targets={ on = 1.0, off = 0.0 }", "output.file=${a}/b.h5"};
  std::mt19937_64 random(2);
  int accepted = 0;
  constexpr int kTrials = 2000;
  for (int i = 0; i < kTrials; ++i) {
    const std::string& setting = settings[i % std::size(settings)];
    accepted += read({valid, "/runs/run.toml", {mutate(setting, random)}, {}}) ? 1 : 0;
  }
  EXPECT_GT(accepted, 0);
  EXPECT_LT(accepted, kTrials);
}

}  // namespace
}  // namespace ntkflow::test
