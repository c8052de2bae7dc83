#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <ntkflow/io/result_file.hpp>

/// The file system's side of a result file. Local, all of it: only rank 0 calls these.
namespace ntkflow::output_path {

/// "folder/name" as the folder, "." when there is none.
std::string folder_of(const std::string& path);

/// Throws OutputExistsError or IoError unless a result may be written at `path`.
void check(const std::string& path, Overwrite overwrite);

/// Throws ConfigError when a result at `path` would replace one of the files `inputs`, under
/// whatever name: links count as the file they lead to. Inputs that do not exist are passed over.
void check_inputs(const std::string& path, std::span<const std::string> inputs);

/// Throws ResourceError when the folder of `path` has less than `bytes` of free space.
void check_space(const std::string& path, std::int64_t bytes);

/// Bytes that may still be written in the folder of `path`, or -1 when the system does not say.
std::int64_t free_bytes(const std::string& path);

/// Removes a file; nothing happens when there is none.
void remove(const std::string& path);

/// Which file a name stands for: another one under the same name differs. Zeros when there is none.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};
FileIdentity identity(const std::string& path);

/// Waits until the content of a file is on the disk. Throws ResourceError when the disk is full
/// after all, as network file systems tell only now, and IoError otherwise.
void sync_file(const std::string& path);

/// Gives the file `partial` the name `path`, also on the disk. Never replaces an existing file with
/// Overwrite::no, not even one that appeared a moment ago. Throws IoError or OutputExistsError, and
/// `partial` is then still there.
void move_into_place(const std::string& partial, const std::string& path, Overwrite overwrite);

}  // namespace ntkflow::output_path
