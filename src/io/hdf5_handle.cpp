#include "hdf5_handle.hpp"

#include <algorithm>

#include <ntkflow/io/result_file.hpp>

namespace ntkflow {

std::string hdf5_version() {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  hdf5::check(H5get_libversion(&major, &minor, &release), "H5get_libversion");
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(release);
}

namespace hdf5 {
namespace {

/// Collects the two innermost descriptions of the error stack: the cause (often the text of MPI or
/// of the operating system) and what the library was doing.
herr_t collect(unsigned depth, const H5E_error2_t* error, void* text_out) {
  auto& text = *static_cast<std::string*>(text_out);
  if (depth < 2 && error->desc != nullptr && *error->desc != '\0') {
    text += (text.empty() ? "" : "; ") + std::string(error->desc);
  }
  return 0;
}

}  // namespace

void silence() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

void throw_call_error(const char* call) {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, collect, &text);
  H5Eclear2(H5E_DEFAULT);
  throw CallError(std::string(call) + " failed" + (text.empty() ? "" : ": " + text));
}

std::vector<std::string> split_path(const std::string& path) {
  std::vector<std::string> names;
  std::string name;
  const auto finish = [&] {
    if (!name.empty() && name != ".") {
      names.push_back(name);
    }
    name.clear();
  };
  for (const char c : path) {
    if (c == '/') {
      finish();
    } else {
      name += c;
    }
  }
  finish();
  return names;
}

Handle make_space(const std::vector<std::int64_t>& extents) {
  if (extents.empty()) {
    return {H5Screate(H5S_SCALAR), H5Sclose, "H5Screate"};
  }
  const std::vector<hsize_t> sizes(extents.begin(), extents.end());
  return {H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr), H5Sclose,
          "H5Screate_simple"};
}

Handle make_string_type(std::size_t length) {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "H5Tcopy");
  check(H5Tset_size(type.get(), std::max<std::size_t>(1, length)), "H5Tset_size");
  if (length != H5T_VARIABLE) {
    check(H5Tset_strpad(type.get(), H5T_STR_NULLPAD), "H5Tset_strpad");
  }
  check(H5Tset_cset(type.get(), H5T_CSET_UTF8), "H5Tset_cset");
  return type;
}

bool product(const std::vector<std::int64_t>& extents, std::int64_t& result) {
  // A zero extent makes the product 0, however large the others are.
  if (std::find(extents.begin(), extents.end(), 0) != extents.end()) {
    result = 0;
    return true;
  }
  result = 1;
  return std::all_of(extents.begin(), extents.end(), [&](std::int64_t extent) {
    return extent > 0 && !__builtin_mul_overflow(result, extent, &result);
  });
}

}  // namespace hdf5
}  // namespace ntkflow
