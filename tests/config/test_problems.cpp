#include "config_text.hpp"

namespace ntkflow::test {
namespace {

TEST(ProblemsTest, AreReportedAllAtOnceInTheOrderOfLines) {
  const std::string text =
      "[regression]\n"                   // 1
      "ridge = -1\n"                     // 2
      "[data]\n"                         // 3
      "format = \"idx\"\n"               // 4
      "train = { inputs = \"x.gz\" }\n"  // 5
      "preprocess = [\n"                 // 6
      "  \"sphere\",\n"                  // 7
      "  \"spehre\" ]\n"                 // 8
      "tain_size = 5\n"                  // 9
      "[kernel]\n"                       // 10
      "depth = 0\n"                      // 11
      "weight_variance = 0.0\n"          // 12
      "[krenel]\n"                       // 13
      "[output]\n";                      // 14
  const auto problems = problems_of(text, {"parallel.threads=0"});
  const std::vector<std::string> expected = {
      "/runs/run.toml:2: regression.ridge: found -1 (integer); allowed: a finite number >= 0, a "
      "list of 1 to 1000 ascending ones, or { start, stop, count, spacing }",
      "/runs/run.toml:5: data.train.targets: missing; needed: text, a path; ${NAME} and "
      "${NAME:-default} are replaced",
      "/runs/run.toml:8: data.preprocess: found \"spehre\" (string); allowed: a list of "
      "\"unit_interval\" | \"center\" | \"center_features\" | \"standardize_features\" | "
      "\"standardize_samples\" | \"unit_norm\" | \"sphere\"; did you mean \"sphere\"?",
      "/runs/run.toml:9: data.tain_size: unknown key; did you mean train_size?",
      "/runs/run.toml:11: kernel.depth: found 0 (integer); allowed: an integer >= 1",
      "/runs/run.toml:12: kernel.weight_variance: must be a finite number above 0, found 0",
      "/runs/run.toml:13: krenel: unknown table; did you mean [kernel]?",
      "/runs/run.toml:14: output.file: missing; needed: text, a path; ${NAME} and "
      "${NAME:-default} are replaced",
      "--set parallel.threads=0: parallel.threads: found 0 (integer); allowed: \"auto\" or an "
      "integer >= 1"};
  EXPECT_EQ(problems, expected);
}

TEST(ProblemsTest, NameSyntaxErrorsWithLineAndColumn) {
  const auto problems = problems_of(std::string("[data]\ntrain_size = = 5\n"));
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].find("/runs/run.toml:2:14: not TOML: "), 0U) << problems[0];
}

TEST(ProblemsTest, NameDuplicateKeys) {
  ConfigText config;
  config.kernel = "depth = 3\ndepth = 4\n";
  const auto problems = problems_of(config.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].find("/runs/run.toml:6:"), 0U) << problems[0];
}

TEST(ProblemsTest, NameEveryMissingTable) {
  const auto problems = problems_of(std::string());
  ASSERT_EQ(problems.size(), 3U);
  EXPECT_EQ(problems[0], "/runs/run.toml: data: the table [data] is missing");
  EXPECT_EQ(problems[1], "/runs/run.toml: kernel: the table [kernel] is missing");
  EXPECT_EQ(problems[2], "/runs/run.toml: output: the table [output] is missing");
}

TEST(ProblemsTest, NameTheTextWithoutAFile) {
  const auto problems =
      problems_of(ConfigSource{"[data]\n[kernel]\n[output]\nfile = 1\n", "", {}, {}});
  ASSERT_EQ(problems.size(), 2U);
  EXPECT_EQ(problems[0].find("configuration:1: data.train: missing"), 0U) << problems[0];
  EXPECT_EQ(problems[1].find("configuration:4: output.file: found 1 (integer)"), 0U) << problems[1];
}

TEST(ProblemsTest, TellAKeyOutsideOfTablesWhereItBelongs) {
  const auto problems = problems_of("train_size = 5\n" + ConfigText{}.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0],
            "/runs/run.toml:1: train_size: a key outside of any table; did you mean "
            "data.train_size?");
}

TEST(ProblemsTest, TellTablesFromOtherValues) {
  ConfigText config;
  config.more = "[[parallel]]\nthreads = 1\n";
  auto problems = problems_of(config.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("parallel: found"), std::string::npos) << problems[0];
  problems = problems_of("spectrum = true\n" + ConfigText{}.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("spectrum: found true (boolean); allowed: a table [spectrum]"),
            std::string::npos)
      << problems[0];
}

TEST(ProblemsTest, ShortenLongValuesBetweenCharacters) {
  ConfigText config;
  std::string umlauts;
  for (int i = 0; i < 100; ++i) {
    umlauts += "ü";
  }
  config.kernel = "type = \"" + umlauts + "\"\n";
  const auto problems = problems_of(config.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("ü... (string)"), std::string::npos) << problems[0];
  EXPECT_LT(problems[0].size(), 200U);
}

TEST(ModelTest, NeedsRegressionAndAKnownInitialFunction) {
  ConfigText config;
  config.output += "model = true\n";
  auto problems = problems_of(config.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("run.toml:8: output.model: a model holds the coefficients of"),
            std::string::npos)
      << problems[0];
  config.more = "[regression]\n[dynamics]\ninitial = \"gaussian_process\"\n";
  problems = problems_of(config.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("initial function is known only at this run's points"),
            std::string::npos)
      << problems[0];
  config.more = "[regression]\n[dynamics]\ninitial = \"zero\"\n";
  EXPECT_TRUE(problems_of(config.text()).empty());
}

TEST(HelpTest, NamesEveryTableAndItsKeys) {
  const std::string help = config_help();
  for (const char* text :
       {"[data.targets]", "[parallel]", "  train_offset ", "an integer >= 0",
        "\"double\" | \"mixed\" | \"single\" | \"auto\"", "\"all\" or an integer >= 1"}) {
    EXPECT_NE(help.find(text), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace ntkflow::test
