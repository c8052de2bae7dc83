#include "ntkflow/io/result_file.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

#include <hdf5.h>
#include <hdf5_hl.h>
#include <mpi.h>

#include <ntkflow/base/contract.hpp>
#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>

#include "hdf5_handle.hpp"
#include "output_path.hpp"
#include "row_rounds.hpp"
#include "write_failure.hpp"

namespace ntkflow {
namespace {

using hdf5::check;
using hdf5::Handle;

constexpr unsigned kCreationOrder = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;

/// What is passed for no values: HDF5 refuses a null pointer even then.
constexpr char kNothing = 0;

Handle property_list(hid_t kind) {
  return {H5Pcreate(kind), H5Pclose, "H5Pcreate"};
}

Handle file_access(const Communicator& comm) {
  constexpr hsize_t kThreshold = 64 << 10;
  constexpr hsize_t kAlignment = 1 << 20;
  Handle list = property_list(H5P_FILE_ACCESS);
  check(H5Pset_fapl_mpio(list.get(), comm.handle(), MPI_INFO_NULL), "H5Pset_fapl_mpio");
  check(H5Pset_all_coll_metadata_ops(list.get(), true), "H5Pset_all_coll_metadata_ops");
  check(H5Pset_coll_metadata_write(list.get(), true), "H5Pset_coll_metadata_write");
  check(H5Pset_alignment(list.get(), kThreshold, kAlignment), "H5Pset_alignment");
  check(H5Pset_libver_bounds(list.get(), H5F_LIBVER_V18, H5F_LIBVER_V110), "H5Pset_libver_bounds");
  return list;
}

/// For a file, group or data set: the order of attributes (and of links) is kept, as netCDF
/// expects.
Handle ordered_creation(hid_t kind) {
  Handle list = property_list(kind);
  check(H5Pset_attr_creation_order(list.get(), kCreationOrder), "H5Pset_attr_creation_order");
  if (kind == H5P_DATASET_CREATE) {
    check(H5Pset_fill_time(list.get(), H5D_FILL_TIME_NEVER), "H5Pset_fill_time");
  } else {
    check(H5Pset_link_creation_order(list.get(), kCreationOrder), "H5Pset_link_creation_order");
  }
  return list;
}

/// Type of a value in the file, and in memory where the two are the same on little-endian machines.
template <class Value>
hid_t file_type() {
  return std::is_same_v<Value, double> ? H5T_IEEE_F64LE : H5T_STD_I64LE;
}
template <class Value>
hid_t memory_type() {
  return std::is_same_v<Value, double> ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64;
}

void put_attribute(hid_t object, const std::string& name, hid_t type, hid_t type_in_memory,
                   const Handle& space, const void* value) {
  if (check(H5Aexists(object, name.c_str()), "H5Aexists") > 0) {
    check(H5Adelete(object, name.c_str()), "H5Adelete");
  }
  Handle attribute(H5Acreate2(object, name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                   H5Aclose, "H5Acreate2");
  check(H5Awrite(attribute.get(), type_in_memory, value), "H5Awrite");
  attribute.close();
}

/// Of variable length, which h5py gives back as str; a string of fixed length would come as bytes.
void put_attribute(hid_t object, const std::string& name, const std::string& text) {
  const Handle type = hdf5::make_string_type(H5T_VARIABLE);
  const char* start = text.c_str();
  put_attribute(object, name, type.get(), type.get(), hdf5::make_space({}), &start);
}

template <class Value>
void put_attribute(hid_t object, const std::string& name, const Value& value) {
  put_attribute(object, name, file_type<Value>(), memory_type<Value>(), hdf5::make_space({}),
                &value);
}

template <class Value>
void put_attribute(hid_t object, const std::string& name, const std::vector<Value>& values) {
  put_attribute(object, name, file_type<Value>(), memory_type<Value>(),
                hdf5::make_space({std::ssize(values)}),
                values.empty() ? &kNothing : static_cast<const void*>(values.data()));
}

std::string parent_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::int64_t size_of(const std::vector<std::int64_t>& shape) {
  std::int64_t size = 0;
  NTKFLOW_EXPECTS(hdf5::product(shape, size), shape.size());
  return size;
}

}  // namespace

struct ResultFile::Implementation {
  struct Dataset {
    Handle id;
    std::vector<std::int64_t> shape;
    std::int64_t value_bytes;
  };

  Implementation(const Communicator& comm_in, std::string path_in, Overwrite overwrite_in,
                 std::int64_t transfer_bytes_in, double patience_in)
      : comm(comm_in.duplicate()),
        unwinding(comm_in.duplicate()),
        patience(patience_in),
        path(std::move(path_in)),
        partial(path + ".partial"),
        overwrite(overwrite_in),
        transfer_bytes(transfer_bytes_in) {
    NTKFLOW_EXPECTS(transfer_bytes >= 1, transfer_bytes);
    hdf5::silence();
    collectively(comm, [&] {
      if (comm.rank() == 0) {
        output_path::check(path, overwrite);
        output_path::remove(partial);  // of an earlier run that was killed
      }
    });
    create_file();
  }

  Implementation(const Implementation&) = delete;
  Implementation& operator=(const Implementation&) = delete;
  Implementation(Implementation&&) = delete;
  Implementation& operator=(Implementation&&) = delete;

  ~Implementation() {
    if (file.get() < 0) {
      return;
    }
    // The name goes first: whatever closing does, no half result stays behind.
    const bool ours = output_path::identity(partial) == identity;
    write_failure::end_job_if_alone(unwinding, patience, ours ? partial : "");
    if (comm.rank() == 0 && ours) {
      unlink_partial();
    }
    close_file();
  }

  void create_file() {
    std::string error;
    try {
      file = Handle(H5Fcreate(partial.c_str(), H5F_ACC_EXCL,
                              ordered_creation(H5P_FILE_CREATE).get(), file_access(comm).get()),
                    H5Fclose, "H5Fcreate");
    } catch (const hdf5::CallError& failure) {
      error = failure.what();
    }
    if (comm.sum(std::int64_t{error.empty() ? 0 : 1}) == comm.size()) {
      throw IoError("cannot create '" + partial + "': " + error);
    }
    // Open on some ranks only, it cannot be closed either.
    write_failure::end_job_if_any(comm, {partial, "create '" + partial + "'", 0}, error);
    if (comm.rank() == 0) {
      identity = output_path::identity(partial);
    }
    comm.broadcast(std::as_writable_bytes(std::span(&identity, 1)), 0);
  }

  /// Runs calls of HDF5 on all ranks; if one fails on any rank, the job ends here.
  template <class Work>
  void guarded(const std::string& action, std::int64_t bytes, Work&& work) const {
    std::string error;
    try {
      std::forward<Work>(work)();
    } catch (const std::exception& failure) {
      error = failure.what();
    }
    write_failure::end_job_if_any(comm, {partial, action, bytes}, error);
  }

  void unlink_partial() const noexcept {
    try {
      output_path::remove(partial);
    } catch (const Error&) {
      // The folder has become unwritable; there is nothing left to do.
    }
  }

  void close_file() {
    guarded("write '" + path + "'", 0, [&] {
      for (auto& [name, dataset] : datasets) {
        dataset.id.close();
      }
      check(H5Fflush(file.get(), H5F_SCOPE_GLOBAL), "H5Fflush");
    });
    guarded("close '" + path + "'", 0, [&] { file.close(); });
  }

  [[nodiscard]] std::string writing(const std::string& name) const {
    return "write the data set '" + name + "' of '" + path + "'";
  }

  /// Creates a group and those above it. Not by HDF5's own "create intermediate groups", which
  /// forgets the creation order.
  void require_group(const std::string& group) {
    std::string whole;
    for (const std::string& name : hdf5::split_path(group)) {
      whole += "/" + name;
      if (groups.insert(whole).second) {
        NTKFLOW_EXPECTS(!datasets.contains(whole), whole);
        const Handle creation = ordered_creation(H5P_GROUP_CREATE);
        Handle(H5Gcreate2(file.get(), whole.c_str(), H5P_DEFAULT, creation.get(), H5P_DEFAULT),
               H5Gclose, "H5Gcreate2")
            .close();
      }
    }
  }

  void create_dataset(const DatasetInfo& info, hid_t type) {
    require_group(parent_of(info.path));
    const Handle space = hdf5::make_space(info.shape);
    const Handle creation = ordered_creation(H5P_DATASET_CREATE);
    Handle id(H5Dcreate2(file.get(), info.path.c_str(), type, space.get(), H5P_DEFAULT,
                         creation.get(), H5P_DEFAULT),
              H5Dclose, "H5Dcreate2");
    put_attribute(id.get(), "long_name", info.long_name);
    put_attribute(id.get(), "units", info.units);
    datasets[info.path] = {std::move(id), info.shape, static_cast<std::int64_t>(H5Tget_size(type))};
  }

  void check_info(const DatasetInfo& info) const {
    NTKFLOW_EXPECTS(file.get() >= 0, path);
    NTKFLOW_EXPECTS(info.path.starts_with('/') && !info.path.ends_with('/'), info.path);
    NTKFLOW_EXPECTS(!datasets.contains(info.path) && !groups.contains(info.path), info.path);
  }

  /// A data set with all its axes named: netCDF readers refuse one that has only some.
  void create_with_axes(const DatasetInfo& info, hid_t type) {
    check_info(info);
    NTKFLOW_EXPECTS(info.axes.size() == info.shape.size(), info.path, info.axes.size(),
                    info.shape.size());
    for (std::size_t axis = 0; axis < info.axes.size(); ++axis) {
      NTKFLOW_EXPECTS(scales.contains(info.axes[axis]), info.path, info.axes[axis]);
      NTKFLOW_EXPECTS(datasets.at(info.axes[axis]).shape[0] == info.shape[axis], info.path, axis,
                      info.shape[axis]);
    }
    guarded(writing(info.path), 0, [&] {
      create_dataset(info, type);
      for (std::size_t axis = 0; axis < info.axes.size(); ++axis) {
        check(H5DSattach_scale(datasets.at(info.path).id.get(),
                               datasets.at(info.axes[axis]).id.get(), static_cast<unsigned>(axis)),
              "H5DSattach_scale");
      }
    });
  }

  void create_scale(const DatasetInfo& info, hid_t type, const std::string& name) {
    check_info(info);
    guarded(writing(info.path), 0, [&] {
      create_dataset(info, type);
      check(H5DSset_scale(datasets.at(info.path).id.get(), name.c_str()), "H5DSset_scale");
    });
    scales.insert(info.path);
  }

  /// Writes this rank's box, in as many collective calls as the rank with the most pieces needs.
  void transfer(const std::string& name, hid_t type, const std::vector<std::int64_t>& start,
                const std::vector<std::int64_t>& extent, const void* values) {
    const Dataset& dataset = open_dataset(name);
    const std::vector<std::int64_t> shape = axes_of(dataset);
    NTKFLOW_EXPECTS(start.size() == shape.size() && extent.size() == shape.size(), name,
                    start.size(), extent.size());
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      NTKFLOW_EXPECTS(
          start[axis] >= 0 && extent[axis] >= 0 && start[axis] + extent[axis] <= shape[axis], name,
          axis, start[axis], extent[axis], shape[axis]);
    }
    const std::int64_t value_bytes = dataset.value_bytes;
    std::optional<RowRounds> mine;
    if (size_of(extent) > 0) {
      mine.emplace(extent, 0, extent[0], std::max<std::int64_t>(1, transfer_bytes / value_bytes));
    }
    const std::int64_t own_rounds = mine ? mine->size() : 0;
    const std::int64_t rounds = comm.max(own_rounds);
    for (std::int64_t round = 0; round < rounds; ++round) {
      Box box = round < own_rounds ? mine->box(round) : Box{};
      std::transform(box.start.begin(), box.start.end(), start.begin(), box.start.begin(),
                     std::plus<>{});
      guarded(writing(name), box.size * value_bytes, [&] {
        write_box(dataset, type, box,
                  static_cast<const std::byte*>(values) + box.first * value_bytes);
      });
    }
  }

  /// Rows of the axis after those that `slab` has indices of, with all of the axes behind it.
  void transfer_rows(const std::string& name, hid_t type, std::span<const std::int64_t> slab,
                     std::int64_t begin, std::int64_t count, const void* values) {
    std::vector<std::int64_t> extent = axes_of(open_dataset(name));
    std::vector<std::int64_t> start(extent.size(), 0);
    NTKFLOW_EXPECTS(slab.size() < extent.size(), name, slab.size());
    std::copy(slab.begin(), slab.end(), start.begin());
    std::fill_n(extent.begin(), slab.size(), 1);
    start[slab.size()] = begin;
    extent[slab.size()] = count;
    transfer(name, type, start, extent, values);
  }

  [[nodiscard]] const Dataset& open_dataset(const std::string& name) const {
    NTKFLOW_EXPECTS(file.get() >= 0 && datasets.contains(name), name);
    return datasets.at(name);
  }
  /// The shape, of one axis where there is none.
  [[nodiscard]] static std::vector<std::int64_t> axes_of(const Dataset& dataset) {
    return dataset.shape.empty() ? std::vector<std::int64_t>{1} : dataset.shape;
  }

  /// One collective H5Dwrite. A rank without values takes part with an empty selection: leaving it
  /// out would leave the others waiting.
  static void write_box(const Dataset& dataset, hid_t type, const Box& box, const void* values) {
    const Handle in_memory = hdf5::make_space({std::max<std::int64_t>(1, box.size)});
    const Handle in_file = hdf5::make_space(dataset.shape);
    if (box.size == 0) {
      check(H5Sselect_none(in_memory.get()), "H5Sselect_none");
      check(H5Sselect_none(in_file.get()), "H5Sselect_none");
    } else if (!dataset.shape.empty()) {
      const std::vector<hsize_t> start(box.start.begin(), box.start.end());
      const std::vector<hsize_t> extent(box.extent.begin(), box.extent.end());
      check(H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(),
                                nullptr),
            "H5Sselect_hyperslab");
    }
    const Handle collective = property_list(H5P_DATASET_XFER);
    check(H5Pset_dxpl_mpio(collective.get(), H5FD_MPIO_COLLECTIVE), "H5Pset_dxpl_mpio");
    check(H5Dwrite(dataset.id.get(), type, in_memory.get(), in_file.get(), collective.get(),
                   box.size == 0 ? &kNothing : values),
          "H5Dwrite");
  }

  /// All rows, from rank 0.
  void transfer_all(const std::string& name, hid_t type, const void* values) {
    const Dataset& dataset = datasets.at(name);
    const std::int64_t rows = dataset.shape.empty() ? 1 : dataset.shape[0];
    transfer_rows(name, type, {}, 0, comm.rank() == 0 ? rows : 0, values);
  }

  template <class Value>
  void write_all(const DatasetInfo& info, std::span<const Value> values) {
    NTKFLOW_EXPECTS(static_cast<std::int64_t>(values.size()) == size_of(info.shape), info.path,
                    values.size());
    create_with_axes(info, file_type<Value>());
    transfer_all(info.path, memory_type<Value>(), values.data());
  }

  /// An axis without numbers of its own, marked as netCDF does: readers then join characters along
  /// it into text.
  void create_bare_axis(const std::string& name, std::int64_t size) {
    const std::string digits = std::to_string(size);
    create_scale({name, "characters of the text", "1", {size}, {}}, H5T_IEEE_F32BE,
                 "This is a netCDF dimension but not a netCDF variable." +
                     std::string(10 - std::min<std::size_t>(10, digits.size()), ' ') + digits);
  }

  template <class Value>
  void write_scale(const DatasetInfo& info, std::span<const Value> values) {
    create_scale(info, file_type<Value>(), info.path.substr(info.path.rfind('/') + 1));
    transfer_all(info.path, memory_type<Value>(), values.data());
  }

  Communicator comm;
  Communicator unwinding;  ///< where the ranks meet when the file is abandoned
  double patience;
  std::string path;
  std::string partial;
  Overwrite overwrite;
  std::int64_t transfer_bytes;
  output_path::FileIdentity identity;  ///< of the partial file
  Handle file;
  std::map<std::string, Dataset> datasets;  ///< by path, open until the file is closed
  std::set<std::string> groups{"/"};
  std::set<std::string> scales;
};

ResultFile::ResultFile(const Communicator& comm, std::string path, Overwrite overwrite,
                       std::int64_t transfer_bytes, double patience)
    : implementation_(std::make_unique<Implementation>(comm, std::move(path), overwrite,
                                                       transfer_bytes, patience)) {}
ResultFile::ResultFile(ResultFile&&) noexcept = default;
ResultFile& ResultFile::operator=(ResultFile&&) noexcept = default;
ResultFile::~ResultFile() = default;

const std::string& ResultFile::path() const noexcept {
  return implementation_->path;
}

void ResultFile::attribute(const std::string& object, const std::string& name,
                           const Attribute& value) {
  Implementation& self = *implementation_;
  NTKFLOW_EXPECTS(self.file.get() >= 0 && object.starts_with('/'), object);
  const std::string action =
      "write the attribute '" + name + "' of '" + object + "' in '" + self.path + "'";
  self.guarded(action, 0, [&] {
    if (!self.datasets.contains(object)) {
      self.require_group(object);
    }
    const Handle target(H5Oopen(self.file.get(), object.c_str(), H5P_DEFAULT), H5Oclose, "H5Oopen");
    std::visit([&](const auto& held) { put_attribute(target.get(), name, held); }, value);
  });
}

void ResultFile::scale(const std::string& path, const std::string& long_name,
                       std::span<const std::int64_t> values) {
  implementation_->write_scale({path, long_name, "1", {std::ssize(values)}, {}}, values);
}
void ResultFile::scale(const std::string& path, const std::string& long_name,
                       std::span<const double> values, const std::string& units) {
  implementation_->write_scale({path, long_name, units, {std::ssize(values)}, {}}, values);
}

void ResultFile::write(const DatasetInfo& info, std::span<const double> values) {
  implementation_->write_all(info, values);
}
void ResultFile::write(const DatasetInfo& info, std::span<const std::int64_t> values) {
  implementation_->write_all(info, values);
}
void ResultFile::write(const DatasetInfo& info, std::span<const std::string> values) {
  Implementation& self = *implementation_;
  NTKFLOW_EXPECTS(std::ssize(values) == size_of(info.shape), info.path, values.size());
  std::size_t length = 1;
  for (const std::string& value : values) {
    length = std::max(length, value.size());
  }
  self.comm.broadcast(std::as_writable_bytes(std::span(&length, 1)), 0);
  std::string characters(self.comm.rank() == 0 ? length * values.size() : 0, '\0');
  if (self.comm.rank() == 0) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i].copy(characters.data() + i * length, length);
    }
  }
  DatasetInfo whole = info;
  whole.shape.push_back(static_cast<std::int64_t>(length));
  whole.axes.push_back(info.path + "_length");
  self.create_bare_axis(whole.axes.back(), whole.shape.back());
  const Handle character = hdf5::make_string_type(1);
  self.create_with_axes(whole, character.get());
  attribute(info.path, "_Encoding", std::string("utf-8"));
  self.transfer_all(info.path, character.get(), characters.data());
}

void ResultFile::create(const DatasetInfo& info) {
  implementation_->create_with_axes(info, H5T_IEEE_F64LE);
}

void ResultFile::write_rows(const std::string& path, std::int64_t begin, std::int64_t count,
                            const double* values) {
  implementation_->transfer_rows(path, H5T_NATIVE_DOUBLE, {}, begin, count, values);
}
void ResultFile::write_slab_rows(const std::string& path, std::int64_t slab, std::int64_t begin,
                                 std::int64_t count, const double* values) {
  implementation_->transfer_rows(path, H5T_NATIVE_DOUBLE, std::span(&slab, 1), begin, count,
                                 values);
}
void ResultFile::write_box(const std::string& path, std::span<const std::int64_t> start,
                           std::span<const std::int64_t> extent, const double* values) {
  implementation_->transfer(path, H5T_NATIVE_DOUBLE, {start.begin(), start.end()},
                            {extent.begin(), extent.end()}, values);
}

void ResultFile::commit() {
  Implementation& self = *implementation_;
  NTKFLOW_EXPECTS(self.file.get() >= 0, self.path);
  bool ours = true;
  if (self.comm.rank() == 0) {
    ours = output_path::identity(self.partial) == self.identity;
  }
  self.close_file();
  collectively(self.comm, [&] {
    if (self.comm.rank() != 0) {
      return;
    }
    if (!ours) {
      throw IoError("cannot finish '" + self.path + "': something else removed or replaced '" +
                    self.partial + "', perhaps another run with the same output file");
    }
    try {
      output_path::sync_file(self.partial);
    } catch (const Error&) {
      self.unlink_partial();
      throw;
    }
    output_path::move_into_place(self.partial, self.path, self.overwrite);
  });
}

}  // namespace ntkflow
