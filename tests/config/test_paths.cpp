#include <filesystem>

#include "config_text.hpp"

namespace ntkflow::test {
namespace {

std::string output_of(const std::string& file, const std::string& config_path = "/runs/run.toml") {
  ConfigText config;
  config.output = "file = '" + file + "'\n";
  return parse_config({config.text(), config_path, {}, {}}).output.file;
}

std::string problem_of(const std::string& file) {
  ConfigText config;
  config.output = "file = \"" + file + "\"\n";
  const auto problems = problems_of(config.text());
  return problems.size() == 1 ? problems[0] : std::to_string(problems.size()) + " problems";
}

TEST(PathTest, IsRelativeToTheConfiguration) {
  const std::string here = std::filesystem::current_path().string();
  EXPECT_EQ(output_of("out.h5"), "/runs/out.h5");
  EXPECT_EQ(output_of("../a/./out.h5"), "/a/out.h5");
  EXPECT_EQ(output_of("/abs/out.h5"), "/abs/out.h5");
  EXPECT_EQ(output_of("out.h5", "sub/run.toml"), here + "/sub/out.h5");
  EXPECT_EQ(output_of("out.h5", "run.toml"), here + "/out.h5");
  EXPECT_EQ(output_of("out.h5", ""), here + "/out.h5");
}

TEST(PathTest, OfTheCommandLineIsRelativeToTheWorkingDirectory) {
  const std::string here = std::filesystem::current_path().string();
  ConfigText config;
  config.output = "gram = true\n";
  const RunConfig run = parse_config({config.text(), "/runs/run.toml", {}, "a${b}.h5"});
  EXPECT_EQ(run.output.file, here + "/a${b}.h5");  // the shell has replaced what it wanted
  EXPECT_TRUE(run.output.gram);
  const RunConfig again = parse_config({run.effective_toml, "/elsewhere/run.toml", {}, {}});
  EXPECT_EQ(again.output.file, run.output.file);
}

TEST(PathTest, OfTheCommandLineStandsForTheOutputTable) {
  const std::string text = "[data]\n" + ConfigText{}.data + "[kernel]\n";
  EXPECT_EQ(parse_config({text, "/runs/run.toml", {}, "/o.h5"}).output.file, "/o.h5");
  EXPECT_EQ(problems_of(ConfigSource{text, "/runs/run.toml", {}, {}}).size(), 1U);
  EXPECT_EQ(problems_of(ConfigSource{text, "/runs/run.toml", {}, ""}).size(), 1U);
}

TEST(PathTest, TakesNamesFromTheEnvironment) {
  const ScopedVariable set("NTKFLOW_TEST_SET", "/data/set");
  const ScopedVariable empty("NTKFLOW_TEST_EMPTY", "");
  EXPECT_EQ(output_of("${NTKFLOW_TEST_SET}/x.h5"), "/data/set/x.h5");
  EXPECT_EQ(output_of("${NTKFLOW_TEST_SET:-/other}/x.h5"), "/data/set/x.h5");
  EXPECT_EQ(output_of("${NTKFLOW_TEST_UNSET:-/other}/x.h5"), "/other/x.h5");
  EXPECT_EQ(output_of("${NTKFLOW_TEST_EMPTY:-/other}/x.h5"), "/other/x.h5");
  EXPECT_EQ(output_of("a${NTKFLOW_TEST_EMPTY}${NTKFLOW_TEST_UNSET:-}b.h5"), "/runs/ab.h5");
  EXPECT_EQ(output_of("$HOME/$x/$${y}.h5"), "/runs/$HOME/$x/${y}.h5");
}

TEST(PathTest, SaysWhyItCannotBeResolved) {
  EXPECT_NE(
      problem_of("${NTKFLOW_TEST_UNSET}/x")
          .find("run.toml:7: output.file: the environment variable NTKFLOW_TEST_UNSET is not set"),
      std::string::npos)
      << problem_of("${NTKFLOW_TEST_UNSET}/x");
  EXPECT_NE(problem_of("${NTKFLOW_TEST_EMPTY:-}").find("the path is empty"), std::string::npos);
  EXPECT_NE(problem_of("a${b").find("has no end"), std::string::npos);
  EXPECT_NE(problem_of("a${b:-${c}}").find("has no end"), std::string::npos);
  EXPECT_NE(problem_of("${}").find("is not understood"), std::string::npos);
  EXPECT_NE(problem_of("${1a}").find("is not understood"), std::string::npos);
  EXPECT_NE(problem_of("${a-b}").find("is not understood"), std::string::npos);
  EXPECT_NE(problem_of("a\\u0000b").find("zero byte"), std::string::npos);
}

TEST(PathTest, MustBeUtf8) {
  const std::string wrong[] = {"\xff",     "\xc3",         "a\xc3(",
                               "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80"};
  const std::string text = ConfigText{}.text();
  for (const std::string& name : wrong) {
    const auto problems = problems_of(ConfigSource{text, "/runs/run.toml", {}, name});
    ASSERT_EQ(problems.size(), 1U);
    EXPECT_NE(problems[0].find("not UTF-8"), std::string::npos) << problems[0];
  }
  const std::string right = "/\xc3\xbc\xe2\x82\xac\xf0\x9f\x99\x82.h5";
  EXPECT_EQ(parse_config({text, "", {}, right}).output.file, right);
}

TEST(DataPathTest, ResolvesFilesOfBothSplits) {
  const ScopedVariable folder("NTKFLOW_TEST_SET", "/data");
  ConfigText config;
  config.data =
      "train = { inputs = \"x\", targets = \"${NTKFLOW_TEST_SET}/y\" }\n"
      "test = { inputs = \"../x\", targets = \"/y\" }\n";
  const DataOptions data = parse(config.text()).data;
  EXPECT_EQ(data.train.inputs, "/runs/x");
  EXPECT_EQ(data.train.targets, "/data/y");
  EXPECT_EQ(data.test.inputs, "/x");
  EXPECT_EQ(data.test.targets, "/y");
}

TEST(DataPathTest, KeepsTheDatasetOfAnHdf5File) {
  ConfigText config;
  config.data =
      "format = \"hdf5\"\n"
      "train = { inputs = \"a.h5:/x/../y\", targets = \"/o:/b.h5:/z\" }\n";
  const DataOptions data = parse(config.text()).data;
  EXPECT_EQ(data.train.inputs, "/runs/a.h5:/x/../y");
  EXPECT_EQ(data.train.targets, "/o:/b.h5:/z");
}

TEST(DataPathTest, NeedsADatasetInAnHdf5File) {
  for (const char* path : {"a.h5", "a.h5:", "a.h5:/", ":/x", "a.h5:x"}) {
    ConfigText config;
    config.data = "format = \"hdf5\"\ntrain = { inputs = \"" + std::string(path) +
                  "\", targets = \"a.h5:/y\" }\n";
    const auto problems = problems_of(config.text());
    ASSERT_EQ(problems.size(), 1U) << path;
    EXPECT_NE(problems[0].find("\"file.h5:/path/to/dataset\""), std::string::npos) << problems[0];
  }
}

TEST(OutputTest, IsNotAnInput) {
  ConfigText config;
  config.output = "file = \"sub/../x.gz\"\n";
  auto problems = problems_of(config.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("\"/runs/x.gz\" is an input of [data]"), std::string::npos);
  config.data = "format = \"hdf5\"\ntrain = { inputs = \"a.h5:/x\", targets = \"b.h5:/y\" }\n";
  config.output = "file = \"b.h5\"\n";
  problems = problems_of(config.text());
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_NE(problems[0].find("\"/runs/b.h5\" is an input of [data]"), std::string::npos);
}

}  // namespace
}  // namespace ntkflow::test
