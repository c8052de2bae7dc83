#include "ntkflow/io/hdf5_reader.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <hdf5.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>

#include "hdf5_handle.hpp"

namespace ntkflow {
namespace {

using hdf5::check;
using hdf5::Handle;

/// Most that deflate can shrink anything (zlib's technical details: 1032 to 1). A compressed data
/// set that claims more than this times the size of its file is no honest one.
constexpr std::int64_t kLargestExpansion = 1032;

/// One step of H5Literate and H5Aiterate2: the name alone.
herr_t add_link(hid_t /*group*/, const char* name, const H5L_info_t* /*info*/, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}
herr_t add_attribute(hid_t /*object*/, const char* name, const H5A_info_t* /*info*/, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

H5_index_t link_index(hid_t group) {
  const Handle creation(H5Gget_create_plist(group), H5Pclose, "H5Gget_create_plist");
  unsigned flags = 0;
  check(H5Pget_link_creation_order(creation.get(), &flags), "H5Pget_link_creation_order");
  return (flags & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

H5_index_t attribute_index(hid_t object) {
  const bool is_group = H5Iget_type(object) == H5I_GROUP;
  const Handle creation(is_group ? H5Gget_create_plist(object) : H5Dget_create_plist(object),
                        H5Pclose, "H5Dget_create_plist");
  unsigned flags = 0;
  check(H5Pget_attr_creation_order(creation.get(), &flags), "H5Pget_attr_creation_order");
  return (flags & H5P_CRT_ORDER_TRACKED) != 0 ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
}

std::vector<std::string> member_names(hid_t group) {
  std::vector<std::string> names;
  check(H5Literate(group, link_index(group), H5_ITER_INC, nullptr, add_link, &names), "H5Literate");
  return names;
}

std::vector<std::int64_t> extents_of(const Handle& space) {
  const int axes = check(H5Sget_simple_extent_ndims(space.get()), "H5Sget_simple_extent_ndims");
  std::vector<hsize_t> sizes(static_cast<std::size_t>(axes));
  check(H5Sget_simple_extent_dims(space.get(), sizes.data(), nullptr), "H5Sget_simple_extent_dims");
  std::vector<std::int64_t> extents;
  for (const hsize_t size : sizes) {
    // Beyond 63 bits it becomes negative, which `product` refuses.
    extents.push_back(static_cast<std::int64_t>(size));
  }
  return extents;
}

/// A string stored in `length` bytes, without its padding.
std::string without_padding(const char* text, std::size_t length, H5T_str_t padding) {
  std::string value(text, length);
  if (padding == H5T_STR_NULLTERM) {
    value.resize(std::min(value.size(), value.find('\0')));
  } else {
    const auto last = value.find_last_not_of(padding == H5T_STR_SPACEPAD ? ' ' : '\0');
    value.resize(last == std::string::npos ? 0 : last + 1);
  }
  return value;
}

/// `count` strings of a data set or attribute; `read` passes a memory type and a buffer to the
/// library.
template <class Read>
std::vector<std::string> read_string_values(const Handle& type, const Handle& space,
                                            std::size_t count, const Read& read) {
  std::vector<std::string> values;
  values.reserve(count);
  if (check(H5Tis_variable_str(type.get()), "H5Tis_variable_str") == 0) {
    const std::size_t length = H5Tget_size(type.get());
    std::vector<char> packed(count * length);
    read(type.get(), packed.data());
    for (std::size_t i = 0; i < count; ++i) {
      values.push_back(
          without_padding(packed.data() + i * length, length, H5Tget_strpad(type.get())));
    }
    return values;
  }
  std::vector<char*> texts(count);
  read(type.get(), texts.data());
  for (const char* text : texts) {
    values.emplace_back(text == nullptr ? "" : text);
  }
  check(H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, texts.data()), "H5Dvlen_reclaim");
  return values;
}

}  // namespace

struct Hdf5Reader::Implementation {
  explicit Implementation(std::string path_in) : path(std::move(path_in)) {
    hdf5::silence();
    std::error_code code;
    const auto status = std::filesystem::status(path, code);
    if (!std::filesystem::exists(status)) {
      throw IoError("cannot open '" + path +
                    "': " + (code ? code.message() : std::string("no such file")));
    }
    if (!std::filesystem::is_regular_file(status)) {
      throw IoError("cannot open '" + path + "': it is not a regular file");
    }
    bytes = static_cast<std::int64_t>(std::filesystem::file_size(path, code));
    const htri_t is_hdf5 = H5Fis_hdf5(path.c_str());
    if (is_hdf5 == 0) {
      throw DataError("'" + path + "' is not an HDF5 file");
    }
    try {
      check(is_hdf5, "H5Fis_hdf5");
      file = Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "H5Fopen");
    } catch (const hdf5::CallError& error) {
      throw IoError("cannot open '" + path + "': " + error.what());
    }
  }

  [[nodiscard]] DataError fault(const std::string& object, const std::string& text) const {
    return DataError("'" + path + "': '" + object + "' " + text);
  }

  /// Runs calls of HDF5 with errors that name file and object.
  template <class Work>
  auto named(const std::string& object, Work&& work) const {
    try {
      return std::forward<Work>(work)();
    } catch (const hdf5::CallError& error) {
      throw IoError("cannot read '" + object + "' of '" + path + "': " + error.what());
    }
  }

  /// Opens what `object` names, link by link, so that no link leads into another file. Invalid when
  /// there is nothing and `must_exist` is not set.
  [[nodiscard]] Handle find(const std::string& object, bool must_exist) const {
    constexpr int kMostSoftLinks = 16;
    std::vector<std::string> names = hdf5::split_path(object);
    std::reverse(names.begin(), names.end());  // the next one last
    Handle here(H5Oopen(file.get(), "/", H5P_DEFAULT), H5Oclose, "H5Oopen");
    std::string where = "/";
    for (int soft_links = 0; !names.empty();) {
      const std::string name = names.back();
      names.pop_back();
      const bool is_group = H5Iget_type(here.get()) == H5I_GROUP;
      if (!is_group || check(H5Lexists(here.get(), name.c_str(), H5P_DEFAULT), "H5Lexists") == 0) {
        if (must_exist) {
          throw missing(object, name, where, is_group ? here.get() : H5I_INVALID_HID);
        }
        return {};
      }
      H5L_info_t info;
      check(H5Lget_info(here.get(), name.c_str(), &info, H5P_DEFAULT), "H5Lget_info");
      if (info.type == H5L_TYPE_SOFT) {
        if (++soft_links > kMostSoftLinks) {
          throw fault(object, "passes through more than 16 soft links, perhaps in a circle");
        }
        std::string target(info.u.val_size, '\0');
        check(H5Lget_val(here.get(), name.c_str(), target.data(), target.size(), H5P_DEFAULT),
              "H5Lget_val");
        target.resize(std::min(target.size(), target.find('\0')));
        auto steps = hdf5::split_path(target);
        names.insert(names.end(), steps.rbegin(), steps.rend());
        if (target.starts_with('/')) {
          here = Handle(H5Oopen(file.get(), "/", H5P_DEFAULT), H5Oclose, "H5Oopen");
          where.resize(1);  // "/"
        }
      } else if (info.type == H5L_TYPE_HARD) {
        here = Handle(H5Oopen(here.get(), name.c_str(), H5P_DEFAULT), H5Oclose, "H5Oopen");
        where.append(where == "/" ? "" : "/").append(name);
      } else {
        throw fault(object,
                    "is an external link, which leads into another file and is not "
                    "followed; copy the data into this file");
      }
    }
    return here;
  }

  [[nodiscard]] DataError missing(const std::string& object, const std::string& name,
                                  const std::string& where, hid_t group) const {
    if (group < 0) {
      return fault(object,
                   "does not exist: '" + where + "' is a data set and holds no '" + name + "'");
    }
    constexpr std::size_t kMostNames = 20;
    const auto names = member_names(group);
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), kMostNames); ++i) {
      list.append(i == 0 ? "" : ", ").append(names[i]);
    }
    list += names.size() > kMostNames ? ", ..." : "";
    return fault(object, "does not exist: the group '" + where + "' holds " +
                             (list.empty() ? "nothing" : list));
  }

  [[nodiscard]] Handle open(const std::string& object) const {
    Handle handle = named(object, [&] { return find(object, true); });
    const H5I_type_t kind = H5Iget_type(handle.get());
    if (kind != H5I_GROUP && kind != H5I_DATASET) {
      throw fault(object, "is neither a group nor a data set");
    }
    return handle;
  }

  struct Dataset {
    Handle id;
    Handle type;
    Handle space;
    std::vector<std::int64_t> extents;
    std::int64_t size = 0;  ///< number of values
  };

  /// Opens a data set and refuses one that would read other files or claims impossible sizes.
  [[nodiscard]] Dataset open_dataset(const std::string& name) const {
    Handle id = open(name);
    if (H5Iget_type(id.get()) != H5I_DATASET) {
      throw fault(name, "is a group, not a data set");
    }
    return named(name, [&] {
      Dataset dataset;
      const Handle creation(H5Dget_create_plist(id.get()), H5Pclose, "H5Dget_create_plist");
      const auto layout = check(H5Pget_layout(creation.get()), "H5Pget_layout");
      if (layout == H5D_VIRTUAL) {
        throw fault(name,
                    "is a virtual data set, which reads other files, and is refused; copy "
                    "the data into this file");
      }
      if (check(H5Pget_external_count(creation.get()), "H5Pget_external_count") > 0) {
        throw fault(name,
                    "keeps its data in another file (external storage) and is refused; copy "
                    "the data into this file");
      }
      const bool filtered = check(H5Pget_nfilters(creation.get()), "H5Pget_nfilters") > 0;
      dataset.type = Handle(H5Dget_type(id.get()), H5Tclose, "H5Dget_type");
      dataset.space = Handle(H5Dget_space(id.get()), H5Sclose, "H5Dget_space");
      dataset.id = std::move(id);
      if (H5Sget_simple_extent_type(dataset.space.get()) == H5S_NULL) {
        throw fault(name, "holds no data (a null data space)");
      }
      dataset.extents = extents_of(dataset.space);
      dataset.size = checked_size(name, dataset.extents, H5Tget_size(dataset.type.get()),
                                  filtered ? kLargestExpansion : 1);
      return dataset;
    });
  }

  /// Number of values, when that many can come from this file.
  [[nodiscard]] std::int64_t checked_size(const std::string& name,
                                          const std::vector<std::int64_t>& extents,
                                          std::size_t value_bytes, std::int64_t expansion) const {
    std::int64_t size = 0;
    std::int64_t size_bytes = 0;
    if (!hdf5::product(extents, size) ||
        __builtin_mul_overflow(size, static_cast<std::int64_t>(value_bytes), &size_bytes)) {
      throw fault(name, "claims more values than 64 bits can count; the file is damaged");
    }
    if (size_bytes / expansion > bytes) {
      throw fault(name, "claims " + std::to_string(size_bytes) + " bytes, more than a file of " +
                            std::to_string(bytes) +
                            " bytes can hold; it is damaged or was never filled");
    }
    return size;
  }

  /// Refuses what is not a number. Returns whether it is an integer.
  bool check_number(const std::string& name, const Handle& type) const {
    const H5T_class_t kind = H5Tget_class(type.get());
    if (kind != H5T_INTEGER && kind != H5T_FLOAT) {
      throw fault(name, "holds " + describe(kind) + ", where integers or reals are needed");
    }
    return kind == H5T_INTEGER;
  }

  static std::string describe(H5T_class_t kind) {
    switch (kind) {
      case H5T_INTEGER:
        return "integers";
      case H5T_FLOAT:
        return "reals";
      case H5T_STRING:
        return "text";
      case H5T_COMPOUND:
        return "compound values";
      case H5T_ENUM:
        return "enumeration values (such as h5py's booleans)";
      case H5T_ARRAY:
        return "arrays";
      case H5T_VLEN:
        return "variable-length sequences";
      case H5T_REFERENCE:
        return "references";
      default:
        return "values of an unusual type";
    }
  }

  [[nodiscard]] Attribute read_attribute(const std::string& object, const std::string& name,
                                         hid_t owner) const {
    const std::string full = object + "' attribute '" + name;
    const Handle id(H5Aopen(owner, name.c_str(), H5P_DEFAULT), H5Aclose, "H5Aopen");
    const Handle type(H5Aget_type(id.get()), H5Tclose, "H5Aget_type");
    const Handle space(H5Aget_space(id.get()), H5Sclose, "H5Aget_space");
    const auto shape = H5Sget_simple_extent_type(space.get());
    const auto extents = extents_of(space);
    const H5T_class_t kind = H5Tget_class(type.get());
    const std::int64_t size = checked_size(full, extents, H5Tget_size(type.get()), 1);
    const auto read = [&](hid_t type_in_memory, void* values) {
      check(H5Aread(id.get(), type_in_memory, values), "H5Aread");
    };
    if (shape == H5S_NULL || extents.size() > 1 || (kind == H5T_STRING && size != 1)) {
      throw fault(full,
                  "has a shape that ntkflow does not read: text must be single, and numbers "
                  "single or one-dimensional");
    }
    if (kind == H5T_STRING) {
      return read_string_values(type, space, 1, read).front();
    }
    const bool integer = check_number(full, type);
    const hid_t type_in_memory = integer ? H5T_NATIVE_INT64 : H5T_NATIVE_DOUBLE;
    if (extents.empty()) {
      std::int64_t whole = 0;
      double real = 0.0;
      read(type_in_memory, integer ? static_cast<void*>(&whole) : &real);
      return integer ? Attribute(whole) : Attribute(real);
    }
    const auto count = static_cast<std::size_t>(size);
    if (count == 0) {  // the library refuses the null pointer of an empty vector
      return integer ? Attribute(std::vector<std::int64_t>()) : Attribute(std::vector<double>());
    }
    std::vector<std::int64_t> wholes(integer ? count : 0);
    std::vector<double> reals(integer ? 0 : count);
    read(type_in_memory, integer ? static_cast<void*>(wholes.data()) : reals.data());
    return integer ? Attribute(std::move(wholes)) : Attribute(std::move(reals));
  }

  std::string path;
  std::int64_t bytes = 0;  ///< size of the file
  Handle file;
};

Hdf5Reader::Hdf5Reader(const std::string& path)
    : implementation_(std::make_unique<Implementation>(path)) {}
Hdf5Reader::Hdf5Reader(Hdf5Reader&&) noexcept = default;
Hdf5Reader& Hdf5Reader::operator=(Hdf5Reader&&) noexcept = default;
Hdf5Reader::~Hdf5Reader() = default;

bool Hdf5Reader::has(const std::string& object) const {
  const Implementation& self = *implementation_;
  return self.named(object, [&] { return self.find(object, false).get() >= 0; });
}

std::vector<std::int64_t> Hdf5Reader::shape(const std::string& dataset) const {
  return implementation_->open_dataset(dataset).extents;
}

bool Hdf5Reader::is_integer(const std::string& dataset) const {
  return implementation_->check_number(dataset, implementation_->open_dataset(dataset).type);
}

void Hdf5Reader::read_rows(const std::string& dataset, std::int64_t begin, std::int64_t count,
                           double* values) const {
  const Implementation& self = *implementation_;
  const auto from = self.open_dataset(dataset);
  self.check_number(dataset, from.type);
  NTKFLOW_EXPECTS(!from.extents.empty() && begin >= 0 && count >= 0, dataset, begin, count);
  NTKFLOW_EXPECTS(begin <= from.extents[0] - count, dataset, begin, count, from.extents[0]);
  if (count == 0 || from.size == 0) {
    return;
  }
  self.named(dataset, [&] {
    std::vector<hsize_t> start(from.extents.size());
    std::vector<hsize_t> block(from.extents.begin(), from.extents.end());
    start[0] = static_cast<hsize_t>(begin);
    block[0] = static_cast<hsize_t>(count);
    const Handle in_memory(H5Screate_simple(static_cast<int>(block.size()), block.data(), nullptr),
                           H5Sclose, "H5Screate_simple");
    check(H5Sselect_hyperslab(from.space.get(), H5S_SELECT_SET, start.data(), nullptr, block.data(),
                              nullptr),
          "H5Sselect_hyperslab");
    check(H5Dread(from.id.get(), H5T_NATIVE_DOUBLE, in_memory.get(), from.space.get(), H5P_DEFAULT,
                  values),
          "H5Dread");
  });
}

std::vector<double> Hdf5Reader::read_all(const std::string& dataset) const {
  const Implementation& self = *implementation_;
  const auto from = self.open_dataset(dataset);
  self.check_number(dataset, from.type);
  std::vector<double> values(static_cast<std::size_t>(from.size));
  if (!values.empty()) {
    self.named(dataset, [&] {
      check(H5Dread(from.id.get(), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
            "H5Dread");
    });
  }
  return values;
}

std::vector<std::string> Hdf5Reader::read_strings(const std::string& dataset) const {
  const Implementation& self = *implementation_;
  const auto from = self.open_dataset(dataset);
  const H5T_class_t kind = H5Tget_class(from.type.get());
  if (kind != H5T_STRING) {
    throw self.fault(dataset, "holds " + Implementation::describe(kind) + ", where text is needed");
  }
  const auto count = static_cast<std::size_t>(from.size);
  const auto read = [&](hid_t type_in_memory, void* values) {
    if (count > 0) {
      check(H5Dread(from.id.get(), type_in_memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values),
            "H5Dread");
    }
  };
  return self.named(dataset, [&] {
    const bool characters = H5Tget_size(from.type.get()) == 1 && from.extents.size() > 1;
    if (!characters) {
      return read_string_values(from.type, from.space, count, read);
    }
    std::string joined(count, '\0');
    read(from.type.get(), joined.data());
    const auto length = static_cast<std::size_t>(from.extents.back());
    std::vector<std::string> values;
    for (std::size_t begin = 0; begin < count; begin += length) {
      values.push_back(without_padding(joined.data() + begin, length, H5T_STR_NULLPAD));
    }
    return values;
  });
}

std::optional<Attribute> Hdf5Reader::attribute(const std::string& object,
                                               const std::string& name) const {
  const Implementation& self = *implementation_;
  const Handle owner = self.open(object);
  return self.named(object, [&]() -> std::optional<Attribute> {
    if (check(H5Aexists(owner.get(), name.c_str()), "H5Aexists") == 0) {
      return std::nullopt;
    }
    return self.read_attribute(object, name, owner.get());
  });
}

std::vector<std::string> Hdf5Reader::attribute_names(const std::string& object) const {
  const Implementation& self = *implementation_;
  const Handle owner = self.open(object);
  return self.named(object, [&] {
    std::vector<std::string> names;
    check(H5Aiterate2(owner.get(), attribute_index(owner.get()), H5_ITER_INC, nullptr,
                      add_attribute, &names),
          "H5Aiterate2");
    return names;
  });
}

std::vector<std::string> Hdf5Reader::members(const std::string& group) const {
  const Implementation& self = *implementation_;
  const Handle owner = self.open(group);
  if (H5Iget_type(owner.get()) != H5I_GROUP) {
    throw self.fault(group, "is a data set, not a group");
  }
  return self.named(group, [&] { return member_names(owner.get()); });
}

}  // namespace ntkflow
