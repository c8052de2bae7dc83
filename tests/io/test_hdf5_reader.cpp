#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <hdf5.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/io/hdf5_reader.hpp>

#include "scratch_folder.hpp"

namespace ntkflow::test {
namespace {

/// A file made with the bare C library, since no writer of ours makes what is wanted here.
class RawFile {
 public:
  explicit RawFile(const std::string& path)
      : id_(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT)) {}
  RawFile(const RawFile&) = delete;
  RawFile& operator=(const RawFile&) = delete;
  RawFile(RawFile&&) = delete;
  RawFile& operator=(RawFile&&) = delete;
  ~RawFile() { H5Fclose(id_); }

  [[nodiscard]] hid_t id() const { return id_; }

  /// A data set of `type`, filled from `values` unless that is null.
  void dataset(const char* name, hid_t type, const std::vector<hsize_t>& extents,
               const void* values, hid_t creation = H5P_DEFAULT) const {
    const hid_t space = H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
    const hid_t set = H5Dcreate2(id_, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    ASSERT_GE(set, 0) << name;
    if (values != nullptr) {
      ASSERT_GE(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0) << name;
    }
    H5Dclose(set);
    H5Sclose(space);
  }

 private:
  hid_t id_;
};

/// The text of the Error of type Wanted that `work` throws.
template <class Wanted, class Work>
std::string error_of(Work&& work) {
  try {
    work();
  } catch (const Wanted& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another type: ") + error.what();
  }
  return "no exception";
}

#define EXPECT_ERROR(Wanted, statement, part)                                         \
  do {                                                                                \
    const std::string text = error_of<Wanted>([&] { static_cast<void>(statement); }); \
    EXPECT_NE(text.find(part), std::string::npos) << text;                            \
  } while (false)

TEST(Hdf5ReaderTest, ReadsRowsOfAnyAxesAndTypes) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.h5");
  {
    const RawFile file(path);
    const std::vector<std::uint8_t> bytes{0, 1, 2, 253, 254, 255, 7, 8, 9, 10, 11, 12};
    const std::vector<float> reals{0.5F, -1.5F, 2.5F};
    file.dataset("bytes", H5T_NATIVE_UINT8, {3, 2, 2}, bytes.data());
    file.dataset("reals", H5T_NATIVE_FLOAT, {3}, reals.data());
    file.dataset("nothing", H5T_NATIVE_DOUBLE, {0, 5}, nullptr);
  }
  const Hdf5Reader reader(path);

  std::vector<double> rows(8);
  reader.read_rows("bytes", 1, 2, rows.data());

  EXPECT_EQ(rows, (std::vector<double>{254, 255, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(reader.shape("/bytes"), (std::vector<std::int64_t>{3, 2, 2}));
  EXPECT_EQ(reader.read_all("reals"), (std::vector<double>{0.5, -1.5, 2.5}));
  EXPECT_TRUE(reader.is_integer("bytes"));
  EXPECT_FALSE(reader.is_integer("reals"));
  EXPECT_EQ(reader.shape("nothing"), (std::vector<std::int64_t>{0, 5}));
  EXPECT_TRUE(reader.read_all("nothing").empty());
  EXPECT_NO_THROW(reader.read_rows("nothing", 0, 0, nullptr));
  EXPECT_NO_THROW(reader.read_rows("bytes", 3, 0, nullptr));
}

TEST(Hdf5ReaderTest, ReadsTextOfEveryPadding) {
  const ScratchFolder folder;
  const std::string path = folder.file("a.h5");
  {
    const RawFile file(path);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, 4);
    H5Tset_strpad(type, H5T_STR_NULLTERM);
    file.dataset("terminated", type, {2}, "ab\0ccde");
    H5Tset_strpad(type, H5T_STR_SPACEPAD);
    file.dataset("spaces", type, {2}, "ab  cdef");
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    file.dataset("zeros", type, {3}, "ab\0\0cdef\0\0\0\0");
    H5Tset_size(type, H5T_VARIABLE);
    const std::vector<const char*> texts{"variable", "", "lengths"};
    file.dataset("variable", type, {3}, texts.data());
    H5Tclose(type);
  }
  const Hdf5Reader reader(path);

  EXPECT_EQ(reader.read_strings("terminated"), (std::vector<std::string>{"ab", "cde"}));
  EXPECT_EQ(reader.read_strings("spaces"), (std::vector<std::string>{"ab", "cdef"}));
  EXPECT_EQ(reader.read_strings("zeros"), (std::vector<std::string>{"ab", "cdef", ""}));
  EXPECT_EQ(reader.read_strings("variable"), (std::vector<std::string>{"variable", "", "lengths"}));
  EXPECT_ERROR(DataError, reader.read_all("zeros"), "holds text, where integers or reals");
}

TEST(Hdf5ReaderTest, FollowsLinksInsideTheFileOnly) {
  const ScratchFolder folder;
  const double seven = 7.0;
  { RawFile(folder.file("other.h5")).dataset("secret", H5T_NATIVE_DOUBLE, {1}, &seven); }
  {
    const RawFile file(folder.file("a.h5"));
    const hid_t group = H5Gcreate2(file.id(), "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    file.dataset("g/x", H5T_NATIVE_DOUBLE, {1}, &seven);
    H5Lcreate_soft("/g/x", file.id(), "absolute", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("x", group, "relative", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/nowhere", file.id(), "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/circle", file.id(), "circle", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/", file.id(), "out", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/out/secret", file.id(), "leading_out", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
  }
  const Hdf5Reader reader(folder.file("a.h5"));

  EXPECT_EQ(reader.read_all("absolute"), std::vector<double>{7.0});
  EXPECT_EQ(reader.read_all("/g/relative"), std::vector<double>{7.0});
  EXPECT_TRUE(reader.has("/g/relative"));
  EXPECT_FALSE(reader.has("/dangling"));
  EXPECT_ERROR(DataError, reader.read_all("out/secret"), "external link");
  EXPECT_ERROR(DataError, reader.read_all("leading_out"), "external link");
  EXPECT_ERROR(DataError, reader.members("out"), "external link");
  EXPECT_ERROR(DataError, reader.read_all("circle"), "soft links");
  EXPECT_ERROR(DataError, reader.read_all("dangling"), "does not exist");
  // The file holds what the links lead to: it is the reader that refuses.
  EXPECT_EQ(Hdf5Reader(folder.file("other.h5")).read_all("secret"), std::vector<double>{7.0});
}

TEST(Hdf5ReaderTest, RefusesDataKeptInOtherFiles) {
  const ScratchFolder folder;
  const std::string secret = folder.file("secret.bin");
  std::ofstream(secret) << "12345678";
  {
    const RawFile file(folder.file("a.h5"));
    const hid_t external = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(external, secret.c_str(), 0, 8);
    file.dataset("external", H5T_NATIVE_UINT8, {8}, nullptr, external);
    H5Pclose(external);
    const hid_t mapped = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t extent = 8;
    const hid_t space = H5Screate_simple(1, &extent, nullptr);
    H5Pset_virtual(mapped, space, "other.h5", "/x", space);
    file.dataset("virtual", H5T_NATIVE_DOUBLE, {8}, nullptr, mapped);
    H5Sclose(space);
    H5Pclose(mapped);
  }
  const Hdf5Reader reader(folder.file("a.h5"));

  EXPECT_ERROR(DataError, reader.read_all("external"), "external storage");
  EXPECT_ERROR(DataError, reader.shape("external"), "external storage");
  EXPECT_ERROR(DataError, reader.read_all("virtual"), "virtual data set");
}

TEST(Hdf5ReaderTest, RefusesImpossibleSizes) {
  const ScratchFolder folder;
  constexpr hsize_t kHuge = hsize_t{1} << 32;
  {
    const RawFile file(folder.file("a.h5"));
    const hid_t late = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_alloc_time(late, H5D_ALLOC_TIME_LATE);
    const hid_t chunked = H5Pcopy(late);
    const std::vector<hsize_t> chunk{1024, 1024};
    H5Pset_chunk(chunked, 2, chunk.data());
    file.dataset("never_filled", H5T_NATIVE_DOUBLE, {1000, 1000}, nullptr, late);
    file.dataset("chunked", H5T_NATIVE_DOUBLE, {1024, 1024}, nullptr, chunked);
    H5Pset_deflate(chunked, 1);
    file.dataset("overflowing", H5T_NATIVE_DOUBLE, {kHuge, kHuge}, nullptr, chunked);
    file.dataset("bytes_overflow", H5T_NATIVE_DOUBLE, {kHuge, kHuge / 4}, nullptr, chunked);
    file.dataset("bomb", H5T_NATIVE_DOUBLE, {100'000, 100'000}, nullptr, chunked);
    // What deflate really reaches is no bomb.
    const std::vector<double> zeros(1024 * 1024);
    file.dataset("zeros", H5T_NATIVE_DOUBLE, {1024, 1024}, zeros.data(), chunked);
    H5Pclose(chunked);
    H5Pclose(late);
  }
  const Hdf5Reader reader(folder.file("a.h5"));

  EXPECT_ERROR(DataError, reader.read_all("never_filled"), "more than a file of");
  EXPECT_ERROR(DataError, reader.read_all("chunked"), "more than a file of");
  EXPECT_ERROR(DataError, reader.shape("overflowing"), "64 bits");
  EXPECT_ERROR(DataError, reader.shape("bytes_overflow"), "64 bits");
  EXPECT_ERROR(DataError, reader.shape("bomb"), "more than a file of");
  EXPECT_EQ(reader.read_all("zeros").size(), 1024U * 1024U);
}

TEST(Hdf5ReaderTest, RefusesTypesThatAreNoNumbers) {
  const ScratchFolder folder;
  {
    const RawFile file(folder.file("a.h5"));
    const hid_t compound = H5Tcreate(H5T_COMPOUND, 16);
    H5Tinsert(compound, "re", 0, H5T_NATIVE_DOUBLE);
    H5Tinsert(compound, "im", 8, H5T_NATIVE_DOUBLE);
    const std::vector<double> values(2);
    file.dataset("complex", compound, {1}, values.data());
    H5Tclose(compound);
    const hid_t boolean = H5Tenum_create(H5T_NATIVE_INT8);
    const std::int8_t one = 1;
    H5Tenum_insert(boolean, "TRUE", &one);
    file.dataset("flag", boolean, {1}, &one);
    H5Tclose(boolean);
    const hid_t null = H5Screate(H5S_NULL);
    H5Dclose(H5Dcreate2(file.id(), "null", H5T_NATIVE_DOUBLE, null, H5P_DEFAULT, H5P_DEFAULT,
                        H5P_DEFAULT));
    H5Sclose(null);
  }
  const Hdf5Reader reader(folder.file("a.h5"));
  double value = 0.0;

  EXPECT_ERROR(DataError, reader.read_all("complex"), "compound values");
  EXPECT_ERROR(DataError, reader.read_rows("flag", 0, 1, &value), "booleans");
  EXPECT_ERROR(DataError, reader.is_integer("complex"), "compound values");
  EXPECT_ERROR(DataError, reader.read_strings("flag"), "where text is needed");
  EXPECT_ERROR(DataError, reader.read_all("null"), "holds no data");
}

TEST(Hdf5ReaderTest, MissingObjectsNameWhatIsThere) {
  const ScratchFolder folder;
  const double value = 1.0;
  {
    const RawFile file(folder.file("a.h5"));
    H5Gclose(H5Gcreate2(file.id(), "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    file.dataset("x", H5T_NATIVE_DOUBLE, {1}, &value);
    file.dataset("y", H5T_NATIVE_DOUBLE, {1}, &value);
  }
  const Hdf5Reader reader(folder.file("a.h5"));

  EXPECT_ERROR(DataError, reader.read_all("/z"), "the group '/' holds g, x, y");
  EXPECT_ERROR(DataError, reader.read_all("/g/z"), "the group '/g' holds nothing");
  EXPECT_ERROR(DataError, reader.read_all("/x/z"), "'/x' is a data set and holds no 'z'");
  EXPECT_ERROR(DataError, reader.read_all("/g"), "is a group, not a data set");
  EXPECT_ERROR(DataError, reader.members("/x"), "is a data set, not a group");
  EXPECT_ERROR(DataError, reader.read_all("/z"), folder.file("a.h5"));
  EXPECT_TRUE(reader.has("/"));
  EXPECT_TRUE(reader.has("/g"));
  EXPECT_FALSE(reader.has("/g/z"));
  EXPECT_FALSE(reader.has("/x/z"));
  EXPECT_EQ(reader.members("/"), (std::vector<std::string>{"g", "x", "y"}));
}

TEST(Hdf5ReaderTest, AttributesOfEveryKind) {
  const ScratchFolder folder;
  {
    const RawFile file(folder.file("a.h5"));
    const auto put = [&](const char* name, hid_t type, const std::vector<hsize_t>& extents,
                         const void* value) {
      const hid_t space = extents.empty() ? H5Screate(H5S_SCALAR)
                                          : H5Screate_simple(static_cast<int>(extents.size()),
                                                             extents.data(), nullptr);
      const hid_t id = H5Acreate2(file.id(), name, type, space, H5P_DEFAULT, H5P_DEFAULT);
      H5Awrite(id, type, value);
      H5Aclose(id);
      H5Sclose(space);
    };
    const hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    const std::vector<const char*> texts{"one", "two"};
    const std::vector<std::int32_t> wholes{1, -2, 3, 4};
    const float real = 0.5F;
    put("text", text, {}, texts.data());
    put("text_of_one", text, {1}, texts.data());
    put("texts", text, {2}, texts.data());
    put("wholes", H5T_NATIVE_INT32, {4}, wholes.data());
    put("table", H5T_NATIVE_INT32, {2, 2}, wholes.data());
    put("real", H5T_NATIVE_FLOAT, {}, &real);
    H5Tclose(text);
  }
  const Hdf5Reader reader(folder.file("a.h5"));

  EXPECT_EQ(std::get<std::string>(*reader.attribute("/", "text")), "one");
  EXPECT_EQ(std::get<std::string>(*reader.attribute("/", "text_of_one")), "one");
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(*reader.attribute("/", "wholes")),
            (std::vector<std::int64_t>{1, -2, 3, 4}));
  EXPECT_EQ(std::get<double>(*reader.attribute("/", "real")), 0.5);
  EXPECT_FALSE(reader.attribute("/", "none").has_value());
  EXPECT_ERROR(DataError, reader.attribute("/", "texts"), "a shape that ntkflow does not read");
  EXPECT_ERROR(DataError, reader.attribute("/", "table"), "a shape that ntkflow does not read");
  EXPECT_ERROR(DataError, reader.attribute("/no", "table"), "does not exist");
}

TEST(Hdf5ReaderTest, FilesThatAreNone) {
  const ScratchFolder folder;
  std::ofstream(folder.file("text.h5")) << "not HDF5";
  std::ofstream(folder.file("empty.h5"));
  const std::vector<double> values(10'000, 1.0);
  { RawFile(folder.file("a.h5")).dataset("x", H5T_NATIVE_DOUBLE, {10'000}, values.data()); }
  const std::string whole = content_of(folder.file("a.h5"));
  std::ofstream(folder.file("cut.h5"), std::ios::binary) << whole.substr(0, whole.size() / 2);

  EXPECT_ERROR(IoError, Hdf5Reader(folder.file("no.h5")), "no.h5': ");
  EXPECT_ERROR(IoError, Hdf5Reader(folder.path()), "not a regular file");
  EXPECT_ERROR(DataError, Hdf5Reader(folder.file("text.h5")), "is not an HDF5 file");
  EXPECT_ERROR(DataError, Hdf5Reader(folder.file("empty.h5")), "is not an HDF5 file");
  EXPECT_ERROR(IoError, Hdf5Reader(folder.file("cut.h5")), "truncated");
  EXPECT_EQ(Hdf5Reader(folder.file("a.h5")).read_all("x"), values);
}

TEST(Hdf5ReaderTest, DamagedDataIsAnError) {
  const ScratchFolder folder;
  {
    const RawFile file(folder.file("a.h5"));
    const hid_t checked = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t chunk = 1000;
    H5Pset_chunk(checked, 1, &chunk);
    H5Pset_fletcher32(checked);
    const std::vector<double> values(1000, 0.1);
    file.dataset("x", H5T_NATIVE_DOUBLE, {1000}, values.data(), checked);
    H5Pclose(checked);
  }
  std::string bytes = content_of(folder.file("a.h5"));
  const double value = 0.1;
  const std::string pattern(reinterpret_cast<const char*>(&value), sizeof(value));
  const auto at = bytes.find(pattern + pattern);
  ASSERT_NE(at, std::string::npos);
  bytes[at + 100] = static_cast<char>(bytes[at + 100] ^ 1);
  std::ofstream(folder.file("flipped.h5"), std::ios::binary) << bytes;

  EXPECT_ERROR(IoError, Hdf5Reader(folder.file("flipped.h5")).read_all("x"), "checksum");
  EXPECT_EQ(Hdf5Reader(folder.file("a.h5")).read_all("x")[12], 0.1);
}

}  // namespace
}  // namespace ntkflow::test
