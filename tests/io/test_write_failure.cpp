// A write that the file system refuses must end the whole job with exit code 5, one sentence and no
// file, and must not hang as closing the file would. Seen from outside: mpiexec is a child process.
#include <cstdint>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>
#include <support/child_program.hpp>

#include "scratch_folder.hpp"

namespace ntkflow::test {
namespace {

Outcome run_writer(int ranks, const std::string& path, std::int64_t limit,
                   const std::string& mode) {
  return run_command(std::string("timeout 60 ") + NTKFLOW_MPIEXEC + " -n " + std::to_string(ranks) +
                     " " + NTKFLOW_PROGRAM + " '" + path + "' " + std::to_string(limit) + " " +
                     mode);
}

int count_of(const std::string& text, const std::string& part) {
  int count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

void expect_clean_end(const Outcome& outcome, const ScratchFolder& folder) {
  EXPECT_EQ(outcome.code, 5) << outcome.output;
  EXPECT_EQ(count_of(outcome.output, "ntkflow: error: cannot"), 1) << outcome.output;
  EXPECT_NE(outcome.output.find("(ulimit -f)"), std::string::npos) << outcome.output;
  EXPECT_EQ(count_of(outcome.output, "HDF5-DIAG"), 0) << outcome.output;
  EXPECT_TRUE(folder.is_empty()) << outcome.output;
  EXPECT_LT(outcome.seconds, 20.0);
}

TEST(WriteFailureTest, NoLimitNoFailure) {
  const ScratchFolder folder;

  const auto outcome = run_writer(2, folder.file("out.h5"), 0, "commit");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(std::filesystem::exists(folder.file("out.h5")));
}

// 300 x 4096 reals are 9.8 MB: the limits stop the writing of a scale, of the values' first and of
// their last rows. The write itself must notice: on a full disk nothing later does, and from 3
// ranks on Open MPI's collective buffering reports success (see MpiSession).
TEST(WriteFailureTest, EndsTheJobWhereverTheLimitStrikes) {
  for (const int ranks : {1, 3}) {
    for (const std::int64_t limit : {512, 100'000, 10'500'000}) {
      SCOPED_TRACE(std::to_string(ranks) + " ranks, limit " + std::to_string(limit));
      const ScratchFolder folder;

      const auto outcome = run_writer(ranks, folder.file("out.h5"), limit, "commit");

      expect_clean_end(outcome, folder);
      EXPECT_NE(outcome.output.find("cannot write the data set"), std::string::npos)
          << outcome.output;
    }
  }
}

TEST(WriteFailureTest, EndsTheJobWhenOneRankAloneFails) {
  const ScratchFolder folder;

  const auto outcome = run_writer(2, folder.file("out.h5"), 100'000, "one_rank");

  expect_clean_end(outcome, folder);
}

TEST(WriteFailureTest, AbandonedFileThatCannotBeFlushed) {
  const ScratchFolder folder;

  const auto outcome = run_writer(2, folder.file("out.h5"), 512, "abandon");

  expect_clean_end(outcome, folder);
}

// Others sit in a barrier of theirs: closing the file would wait for them for ever.
TEST(WriteFailureTest, EndsTheJobWhenOneRankUnwindsAlone) {
  const ScratchFolder folder;

  const auto outcome = run_writer(3, folder.file("out.h5"), 0, "alone");

  EXPECT_EQ(outcome.code, 1) << outcome.output;
  EXPECT_EQ(count_of(outcome.output, "ntkflow: error: rank 2 failed alone; ending all ranks\n"), 1)
      << outcome.output;
  EXPECT_TRUE(folder.is_empty()) << outcome.output;
  EXPECT_LT(outcome.seconds, 20.0);
}

TEST(WriteFailureTest, AbandonedByAllIsNoFailure) {
  const ScratchFolder folder;

  const auto outcome = run_writer(2, folder.file("out.h5"), 0, "abandon");

  EXPECT_EQ(outcome.code, 0) << outcome.output;
  EXPECT_TRUE(folder.is_empty()) << outcome.output;
}

}  // namespace
}  // namespace ntkflow::test
