#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/block_cyclic.hpp>
#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/io/hdf5_reader.hpp>
#include <ntkflow/io/result_file.hpp>

#include "scratch_folder.hpp"
#include "support/mpi_test.hpp"

namespace ntkflow::test {
namespace {

namespace fs = std::filesystem;

const Communicator& world() {
  static const Communicator comm = Communicator::world();
  return comm;
}

double element(std::int64_t i, std::int64_t j) {
  return 1000.0 * static_cast<double>(i) + static_cast<double>(j);
}

/// Rows [begin, end) of the matrix of `element`, row-major.
std::vector<double> rows_of(Share share, std::int64_t columns) {
  std::vector<double> values;
  for (std::int64_t i = share.begin; i < share.end; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) {
      values.push_back(element(i, j));
    }
  }
  return values;
}

std::vector<std::int64_t> numbers(std::int64_t count) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(count));
  std::iota(values.begin(), values.end(), std::int64_t{0});
  return values;
}

void write_matrix(const std::string& path, std::int64_t rows, std::int64_t columns, Share mine,
                  const std::vector<double>& values, std::int64_t transfer_bytes) {
  ResultFile file(world(), path, Overwrite::no, transfer_bytes);
  file.scale("/row", "row", numbers(rows));
  file.scale("/column", "column", numbers(columns));
  file.create({"/a", "matrix", "1", {rows, columns}, {"/row", "/column"}});
  file.write_rows("/a", mine.begin, mine.size(), values.data());
  file.commit();
}

std::int64_t wrong_elements(const std::string& path, std::int64_t rows, std::int64_t columns) {
  const auto found = Hdf5Reader(path).read_all("/a");
  const auto wanted = rows_of({0, rows}, columns);
  if (found.size() != wanted.size()) {
    return -1;
  }
  std::int64_t wrong = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    wrong += found[i] == wanted[i] ? 0 : 1;
  }
  return wrong;
}

/// Whether an error of type Wanted with this exit code is thrown on every rank, or its RemoteError.
template <class Work>
testing::AssertionResult fails_everywhere(ExitCode code, const std::string& part, Work&& work) {
  std::string text = "no exception";
  bool right = false;
  try {
    work();
  } catch (const Error& error) {
    text = error.what();
    right = error.exit_code() == code && text.find(part) != std::string::npos;
  }
  const bool all = world().agree(right).ok;
  return all ? testing::AssertionSuccess() : testing::AssertionFailure() << text;
}

TEST(ResultFileTest, RowsOfAllRanksInAnyNumberOfRounds) {
  for (const std::int64_t rows : {0, 1, 2, 13, 29}) {
    for (const std::int64_t transfer_bytes :
         {std::int64_t{1}, std::int64_t{3 * 7 * 8}, kTransferBytes}) {
      const ScratchFolder folder(world());
      const Share mine = contiguous_share(rows, world().size(), world().rank());

      write_matrix(folder.file("a.h5"), rows, 7, mine, rows_of(mine, 7), transfer_bytes);

      EXPECT_EQ(wrong_elements(folder.file("a.h5"), rows, 7), 0) << rows << " " << transfer_bytes;
    }
  }
}

TEST(ResultFileTest, RowsLongerThanATransfer) {
  for (const std::int64_t transfer_bytes : {8, 9, 8 * 5, 8 * 15 - 1, 8 * 15}) {
    const ScratchFolder folder(world());
    const Share mine = contiguous_share(4, world().size(), world().rank());
    {
      ResultFile file(world(), folder.file("a.h5"), Overwrite::no, transfer_bytes);
      file.scale("/row", "row", numbers(4));
      file.scale("/three", "three", numbers(3));
      file.scale("/five", "five", numbers(5));
      file.create({"/a", "a", "1", {4, 3, 5}, {"/row", "/three", "/five"}});
      file.write_rows("/a", mine.begin, mine.size(), rows_of(mine, 15).data());
      file.commit();
    }
    EXPECT_EQ(Hdf5Reader(folder.file("a.h5")).read_all("/a"), rows_of({0, 4}, 15))
        << transfer_bytes;
  }
}

TEST(ResultFileTest, RowsOfOneSlabAfterTheOther) {
  for (const std::int64_t transfer_bytes : {8, 8 * 5, 8 * 10, 8 * 1000}) {
    const ScratchFolder folder(world());
    {
      ResultFile file(world(), folder.file("a.h5"), Overwrite::no, transfer_bytes);
      file.scale("/slab", "slab", numbers(3));
      file.scale("/row", "row", numbers(4));
      file.scale("/column", "column", numbers(5));
      file.create({"/a", "a", "1", {3, 4, 5}, {"/slab", "/row", "/column"}});
      const Share mine = contiguous_share(4, world().size(), world().rank());
      for (const std::int64_t slab : {2, 0, 1}) {  // row i of slab s is row 4 s + i of all
        const auto values = rows_of({4 * slab + mine.begin, 4 * slab + mine.end}, 5);
        file.write_slab_rows("/a", slab, mine.begin, mine.size(), values.data());
      }
      file.commit();
    }
    EXPECT_EQ(Hdf5Reader(folder.file("a.h5")).read_all("/a"), rows_of({0, 12}, 5))
        << transfer_bytes;
  }
}

TEST(ResultFileTest, BoxesMakeTheWhole) {
  for (const std::int64_t transfer_bytes : {8, 8 * 5, 8 * 1000}) {
    const ScratchFolder folder(world());
    {
      ResultFile file(world(), folder.file("a.h5"), Overwrite::no, transfer_bytes);
      file.scale("/first", "first", numbers(2));
      file.scale("/second", "second", numbers(3));
      file.scale("/row", "row", numbers(4));
      file.scale("/column", "column", numbers(5));
      file.create({"/a", "a", "1", {2, 3, 4, 5}, {"/first", "/second", "/row", "/column"}});
      // Each rank has its columns of two boxes, which divide the rows.
      const Share mine = contiguous_share(5, world().size(), world().rank());
      for (const auto& [begin, end] : {Share{1, 4}, Share{0, 1}}) {
        for (const std::int64_t first : {1, 0}) {
          std::vector<double> values;
          for (std::int64_t second = 0; second < 3; ++second) {
            for (std::int64_t row = begin; row < end; ++row) {
              const std::int64_t position = 12 * first + 4 * second + row;
              const auto whole = rows_of({position, position + 1}, 5);
              values.insert(values.end(), whole.begin() + mine.begin, whole.begin() + mine.end);
            }
          }
          const std::int64_t start[] = {first, 0, begin, mine.begin};
          const std::int64_t extent[] = {1, 3, end - begin, mine.size()};
          file.write_box("/a", start, extent, values.data());
        }
      }
      file.commit();
    }
    EXPECT_EQ(Hdf5Reader(folder.file("a.h5")).read_all("/a"), rows_of({0, 24}, 5))
        << transfer_bytes;
  }
}

TEST(ResultFileTest, OneRankHasAllRows) {
  for (int owner = 0; owner < world().size(); ++owner) {
    const ScratchFolder folder(world());
    const Share mine = owner == world().rank() ? Share{0, 13} : Share{13, 13};

    write_matrix(folder.file("a.h5"), 13, 5, mine, rows_of(mine, 5), 2 * 5 * 8);

    EXPECT_EQ(wrong_elements(folder.file("a.h5"), 13, 5), 0) << owner;
  }
}

TEST(ResultFileTest, ComparisonSeesOneWrongElement) {
  const ScratchFolder folder(world());
  const Share mine = contiguous_share(13, world().size(), world().rank());
  auto values = rows_of(mine, 5);
  if (world().rank() == world().size() - 1) {
    values.back() += 1.0;
  }

  write_matrix(folder.file("a.h5"), 13, 5, mine, values, 2 * 5 * 8);

  EXPECT_EQ(wrong_elements(folder.file("a.h5"), 13, 5), 1);
}

TEST(ResultFileTest, WritesRankZerosValues) {
  const ScratchFolder folder(world());
  const double mine = world().rank() + 0.5;
  const std::vector<double> cube(24, mine);
  const std::vector<std::int64_t> labels{3, -1};
  const std::vector<std::string> words{"", "größer", "a longer one"};

  {
    ResultFile file(world(), folder.file("a.h5"), Overwrite::no, 16);
    file.scale("/two", "two", numbers(2));
    file.scale("/three", "three", numbers(3));
    file.scale("/time", "time", std::vector<double>{0.0, 0.5, 1.0, 1e6}, "s");
    file.write({"/g/cube", "cube", "1", {2, 3, 4}, {"/two", "/three", "/time"}},
               std::span<const double>(cube));
    file.write({"/g/label", "label", "1", {2}, {"/two"}}, std::span<const std::int64_t>(labels));
    file.write({"/g/word", "word", "1", {3}, {"/three"}}, std::span<const std::string>(words));
    file.write({"/g/scalar", "scalar", "m", {}, {}}, std::span<const double>(&mine, 1));
    file.commit();
  }

  const Hdf5Reader reader(folder.file("a.h5"));
  EXPECT_EQ(reader.shape("/g/cube"), (std::vector<std::int64_t>{2, 3, 4}));
  EXPECT_EQ(reader.read_all("/g/cube"), std::vector<double>(24, 0.5));
  EXPECT_EQ(reader.read_all("/g/label"), (std::vector<double>{3.0, -1.0}));
  EXPECT_TRUE(reader.is_integer("/g/label"));
  EXPECT_FALSE(reader.is_integer("/g/cube"));
  EXPECT_EQ(reader.read_strings("/g/word"), words);
  EXPECT_EQ(reader.read_all("/g/scalar"), std::vector<double>{0.5});
  EXPECT_TRUE(reader.shape("/g/scalar").empty());
  EXPECT_EQ(reader.read_all("/time"), (std::vector<double>{0.0, 0.5, 1.0, 1e6}));
  EXPECT_EQ(std::get<std::string>(*reader.attribute("/time", "units")), "s");
  EXPECT_EQ(std::get<std::string>(*reader.attribute("/g/scalar", "units")), "m");
  EXPECT_EQ(std::get<std::string>(*reader.attribute("/g/word", "long_name")), "word");
  EXPECT_EQ(reader.members("/"), (std::vector<std::string>{"two", "three", "time", "g"}));
  EXPECT_EQ(reader.members("/g"),
            (std::vector<std::string>{"cube", "label", "word_length", "word", "scalar"}));
}

TEST(ResultFileTest, AttributesOfEveryKindKeepTheirOrder) {
  const ScratchFolder folder(world());
  const std::vector<std::pair<std::string, Attribute>> attributes{
      {"z_text", std::string("σ² = 2")},
      {"empty", std::string()},
      {"long", std::string(300'000, 'x') + "end"},
      {"real", std::numeric_limits<double>::denorm_min()},
      {"whole", std::numeric_limits<std::int64_t>::min()},
      {"reals", std::vector<double>{0.1, -0.0, 1e308}},
      {"wholes", std::vector<std::int64_t>{1, 2}},
      {"none", std::vector<double>{}},
      {"a1", std::int64_t{1}},
      {"a2", std::int64_t{2}},
      {"a3", std::int64_t{3}}};

  {
    ResultFile file(world(), folder.file("a.h5"), Overwrite::no);
    for (const char* object : {"/", "/deep/group"}) {
      for (const auto& [name, value] : attributes) {
        file.attribute(object, name, value);
      }
    }
    file.attribute("/", "status", std::string("partial"));
    file.attribute("/", "status", std::string("complete"));
    file.commit();
  }

  const Hdf5Reader reader(folder.file("a.h5"));
  for (const char* object : {"/", "/deep/group"}) {
    std::vector<std::string> names;
    for (const auto& [name, value] : attributes) {
      EXPECT_EQ(reader.attribute(object, name), value) << name;
      names.push_back(name);
    }
    auto found = reader.attribute_names(object);
    found.resize(names.size());
    EXPECT_EQ(found, names);
  }
  EXPECT_EQ(std::get<std::string>(*reader.attribute("/", "status")), "complete");
  EXPECT_FALSE(reader.attribute("/", "absent").has_value());
}

TEST(ResultFileTest, NothingUnderTheFinalNameBeforeCommit) {
  const ScratchFolder folder(world());
  const std::string path = folder.file("a.h5");
  ResultFile file(world(), path, Overwrite::no);
  file.attribute("/", "x", 1.0);

  EXPECT_FALSE(fs::exists(path));
  EXPECT_TRUE(fs::exists(path + ".partial"));
  world().barrier();
  file.commit();

  EXPECT_EQ(file.path(), path);
  EXPECT_TRUE(fs::exists(path));
  EXPECT_FALSE(fs::exists(path + ".partial"));
}

TEST(ResultFileTest, ExceptionOnAllRanksRemovesThePartialFile) {
  const ScratchFolder folder(world());
  const Share mine = contiguous_share(100, world().size(), world().rank());

  const auto failing = [&] {
    ResultFile file(world(), folder.file("a.h5"), Overwrite::no);
    file.scale("/row", "row", numbers(100));
    file.create({"/a", "a", "1", {100}, {"/row"}});
    file.write_rows("/a", mine.begin, mine.size(), rows_of(mine, 1).data());
    collectively(world(), [] {
      if (world().rank() == world().size() - 1) {
        throw NumericalError("stopped on purpose");
      }
    });
    file.commit();
  };

  EXPECT_TRUE(fails_everywhere(ExitCode::numerical, "stopped on purpose", failing));
  world().barrier();
  EXPECT_TRUE(folder.is_empty());
}

TEST(ResultFileTest, MovedFromFileDoesNothing) {
  const ScratchFolder folder(world());
  ResultFile first(world(), folder.file("a.h5"), Overwrite::no);
  ResultFile second(std::move(first));
  first = ResultFile(world(), folder.file("b.h5"), Overwrite::no);
  second.commit();
  first.commit();

  EXPECT_TRUE(fs::exists(folder.file("a.h5")));
  EXPECT_TRUE(fs::exists(folder.file("b.h5")));
}

TEST(ResultFileTest, ReplacesAFileOnlyWhenAllowed) {
  const ScratchFolder folder(world());
  const std::string path = folder.file("a.h5");
  write_matrix(path, 2, 3, contiguous_share(2, world().size(), world().rank()),
               rows_of(contiguous_share(2, world().size(), world().rank()), 3), kTransferBytes);
  const std::string before = content_of(path);
  world().barrier();

  EXPECT_TRUE(fails_everywhere(ExitCode::output_exists, "exists already",
                               [&] { ResultFile(world(), path, Overwrite::no); }));
  EXPECT_EQ(content_of(path), before);
  world().barrier();

  ResultFile file(world(), path, Overwrite::yes);
  file.attribute("/", "new", 1.0);
  EXPECT_EQ(content_of(path), before);
  world().barrier();
  file.commit();
  EXPECT_TRUE(Hdf5Reader(path).attribute("/", "new").has_value());
}

TEST(ResultFileTest, NeverReplacesAFileThatAppearedSince) {
  const ScratchFolder folder(world());
  const std::string path = folder.file("a.h5");
  ResultFile file(world(), path, Overwrite::no);
  file.attribute("/", "x", 1.0);
  if (world().rank() == 0) {
    std::ofstream(path) << "somebody else's";
  }

  EXPECT_TRUE(fails_everywhere(ExitCode::output_exists, ".partial'", [&] { file.commit(); }));

  EXPECT_EQ(content_of(path), "somebody else's");
  EXPECT_TRUE(Hdf5Reader(path + ".partial").attribute("/", "x").has_value());
}

TEST(ResultFileTest, NoticesThatAnotherRunTookItsName) {
  const ScratchFolder folder(world());
  ResultFile file(world(), folder.file("a.h5"), Overwrite::no);
  world().barrier();
  if (world().rank() == 0) {
    fs::remove(folder.file("a.h5.partial"));
    std::ofstream(folder.file("a.h5.partial")) << "another run's";
  }

  EXPECT_TRUE(fails_everywhere(ExitCode::input, "another run", [&] { file.commit(); }));

  EXPECT_FALSE(fs::exists(folder.file("a.h5")));
  EXPECT_EQ(content_of(folder.file("a.h5.partial")), "another run's");
}

TEST(ResultFileTest, ReplacesThePartialFileOfAKilledRun) {
  const ScratchFolder folder(world());
  if (world().rank() == 0) {
    std::ofstream(folder.file("a.h5.partial")) << "left behind";
  }
  world().barrier();

  ResultFile file(world(), folder.file("a.h5"), Overwrite::no);
  file.attribute("/", "x", 1.0);
  file.commit();

  EXPECT_TRUE(Hdf5Reader(folder.file("a.h5")).attribute("/", "x").has_value());
}

TEST(ResultFileTest, NamesThatMpiIoCouldMisread) {
  const ScratchFolder folder(world());
  for (const char* name : {"run 12:30.h5", "ufs:b.h5", "größer.h5", "it's.h5"}) {
    ResultFile file(world(), folder.file(name), Overwrite::no);
    file.commit();
    EXPECT_TRUE(fs::exists(folder.file(name))) << name;
  }
  world().barrier();
  // The same relative to the working folder, where no slash comes before the colon.
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  ResultFile file(world(), "nfs:12:30.h5", Overwrite::no);
  file.commit();
  fs::current_path(before);
  EXPECT_TRUE(fs::exists(folder.file("nfs:12:30.h5")));
}

TEST(CheckOutputTest, EveryReasonHasItsSentence) {
  const ScratchFolder folder(world());
  if (world().rank() == 0) {
    std::ofstream(folder.file("there.h5")) << "x";
    fs::create_symlink("nowhere", folder.file("dangling.h5"));
  }
  world().barrier();
  const auto checked = [&](const std::string& path, std::int64_t bytes = 0) {
    return [path, bytes] { check_output(world(), path, Overwrite::no, bytes); };
  };

  EXPECT_NO_THROW(checked(folder.file("new.h5"))());
  EXPECT_NO_THROW(check_output(world(), folder.file("there.h5"), Overwrite::yes, 1000));
  EXPECT_TRUE(
      fails_everywhere(ExitCode::output_exists, "--overwrite", checked(folder.file("there.h5"))));
  EXPECT_TRUE(
      fails_everywhere(ExitCode::output_exists, "exists", checked(folder.file("dangling.h5"))));
  EXPECT_TRUE(fails_everywhere(ExitCode::input, "does not exist", checked(folder.file("no/a.h5"))));
  EXPECT_TRUE(
      fails_everywhere(ExitCode::input, "is not a folder", checked(folder.file("there.h5/a.h5"))));
  EXPECT_TRUE(fails_everywhere(ExitCode::input, "it is a folder", checked(folder.path())));
  EXPECT_TRUE(fails_everywhere(ExitCode::input, "it is a folder", checked(folder.path() + "/")));
  EXPECT_TRUE(fails_everywhere(ExitCode::input, "special file", checked("/dev/null")));
  EXPECT_TRUE(fails_everywhere(ExitCode::input, "empty", checked("")));
  EXPECT_TRUE(fails_everywhere(ExitCode::input, "cannot write",
                               checked(folder.file(std::string(300, 'n')))));
  EXPECT_TRUE(fails_everywhere(ExitCode::resources, "bytes free",
                               checked(folder.file("new.h5"), INT64_MAX)));
}

TEST(CheckOutputTest, NeverReplacesAnInput) {
  const ScratchFolder folder(world());
  if (world().rank() == 0) {
    fs::create_directory(folder.file("deep"));
    for (const char* name : {"x.h5", "other.h5", "run.h5.partial"}) {
      std::ofstream(folder.file(name)) << name;
    }
    fs::create_symlink("x.h5", folder.file("soft.h5"));
    fs::create_hard_link(folder.file("x.h5"), folder.file("hard.h5"));
  }
  world().barrier();
  const std::vector<std::string> inputs{folder.file("absent.h5"), folder.file("x.h5"),
                                        folder.file("run.h5.partial")};
  const auto checked = [&](const std::string& name, Overwrite overwrite) {
    return [&, name, overwrite] { check_output(world(), folder.file(name), overwrite, 0, inputs); };
  };

  for (const char* name : {"x.h5", "./x.h5", "deep/../x.h5", "soft.h5", "hard.h5"}) {
    for (const Overwrite overwrite : {Overwrite::no, Overwrite::yes}) {
      EXPECT_TRUE(fails_everywhere(ExitCode::usage, "/x.h5'; choose another name",
                                   checked(name, overwrite)))
          << name;
    }
  }
  EXPECT_TRUE(
      fails_everywhere(ExitCode::usage, "until it is complete", checked("run.h5", Overwrite::yes)));
  EXPECT_NO_THROW(checked("other.h5", Overwrite::yes)());
  EXPECT_NO_THROW(checked("absent.h5", Overwrite::no)());
}

// Nobody may make files here, root included; what fails first depends on who runs the test.
TEST(ResultFileTest, FolderThatCannotBeWritten) {
  EXPECT_TRUE(fails_everywhere(ExitCode::input, "cannot",
                               [] { ResultFile(world(), "/proc/ntkflow.h5", Overwrite::no); }));
}

TEST(ResultFileTest, VersionOfTheLibrary) {
  EXPECT_EQ(hdf5_version().substr(0, 2), "1.");
}

}  // namespace
}  // namespace ntkflow::test
