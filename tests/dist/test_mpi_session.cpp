// One failing rank ends the whole job at once and with the right code, although the other one waits
// in a barrier. Seen from outside: mpiexec is a child process.
#include <string>

#include <gtest/gtest.h>
#include <support/child_program.hpp>

namespace ntkflow::test {
namespace {

Outcome run_program(const std::string& arguments, const std::string& environment = "") {
  return run_command(environment + " timeout 30 " + NTKFLOW_MPIEXEC + " -n 2 " + NTKFLOW_PROGRAM +
                     " " + arguments);
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
