// One failing rank ends the whole job at once and with the right code, although the other one waits
// in a barrier. Seen from outside: mpiexec is a child process.
#include <array>
#include <cstdio>
#include <string>

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <ntkflow/base/timer.hpp>

namespace ntkflow::test {
namespace {

struct Outcome {
  int code = -1;
  std::string output;
  double seconds = 0.0;
};

Outcome run_program(const std::string& arguments, const std::string& environment = "") {
  const Stopwatch watch;
  const std::string command = environment + " timeout 30 " + NTKFLOW_MPIEXEC + " -n 2 " +
                              NTKFLOW_PROGRAM + " " + arguments + " 2>&1";
  Outcome outcome;
  FILE* pipe = popen(command.c_str(), "r");
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), pipe)) {
    outcome.output.append(part.data(), size);
  }
  const int status = pclose(pipe);
  outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  outcome.seconds = watch.seconds();
  return outcome;
}

void expect_end(const std::string& how, int code, const std::string& text) {
  const Outcome outcome = run_program(how);
  EXPECT_EQ(outcome.code, code) << outcome.output;
  EXPECT_NE(outcome.output.find(text), std::string::npos) << outcome.output;
  EXPECT_LT(outcome.seconds, 5.0);
}

TEST(MpiSessionTest, OrdinaryEnd) {
  expect_end("nothing", 0, "");
}

TEST(MpiSessionTest, AbortEndsAllRanksWithItsCode) {
  expect_end("abort", 5, "");
}

TEST(MpiSessionTest, UncaughtExceptionIsPrintedAndEndsAllRanks) {
  expect_end("uncaught", 1, "ntkflow: internal error: uncaught exception: nobody catches this");
}

TEST(MpiSessionTest, BrokenContractEndsAllRanks) {
  expect_end("contract", 1, "ntkflow: internal error at ");
}

TEST(MpiSessionTest, AgreedErrorEndsAllRanks) {
  expect_end("agreed", 3, "");
}

TEST(MpiSessionTest, SettingsOfOpenMpiUnlessTheUserHasOthers) {
  EXPECT_EQ(run_program("settings 0 individual").code, 0);
  EXPECT_EQ(run_program("settings 1 vulcan",
                        "OMPI_MCA_fbtl_posix_write_datasieving=1 OMPI_MCA_fcoll=vulcan")
                .code,
            0);
  EXPECT_EQ(run_program("settings 1 vulcan").code, 9) << "the comparison is blunt";
}

}  // namespace
}  // namespace ntkflow::test
