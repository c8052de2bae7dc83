#pragma once

#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <hdf5.h>

namespace ntkflow::test {

/// A data set of doubles: value(i) for i = 0, 1, ... in row-major order.
struct Hdf5Content {
  std::string path;
  std::vector<hsize_t> shape;
  std::function<double(std::int64_t)> value;
};

/// Writes a small HDF5 file on the calling process alone.
inline void write_hdf5(const std::string& path, const std::vector<Hdf5Content>& contents) {
  const auto check = [](std::int64_t code) {
    if (code < 0) {
      throw std::runtime_error("cannot write an HDF5 file for a test");
    }
    return static_cast<hid_t>(code);
  };
  const hid_t file = check(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  const hid_t links = check(H5Pcreate(H5P_LINK_CREATE));
  check(H5Pset_create_intermediate_group(links, 1));
  for (const Hdf5Content& content : contents) {
    std::int64_t count = 1;
    for (const hsize_t extent : content.shape) {
      count *= static_cast<std::int64_t>(extent);
    }
    std::vector<double> values;
    for (std::int64_t i = 0; i < count; ++i) {
      values.push_back(content.value(i));
    }
    const hid_t space =
        check(content.shape.empty() ? H5Screate(H5S_SCALAR)
                                    : H5Screate_simple(static_cast<int>(content.shape.size()),
                                                       content.shape.data(), nullptr));
    const hid_t dataset = check(H5Dcreate2(file, content.path.c_str(), H5T_NATIVE_DOUBLE, space,
                                           links, H5P_DEFAULT, H5P_DEFAULT));
    if (count > 0) {
      check(H5Dwrite(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()));
    }
    check(H5Dclose(dataset));
    check(H5Sclose(space));
  }
  check(H5Pclose(links));
  check(H5Fclose(file));
}

}  // namespace ntkflow::test
