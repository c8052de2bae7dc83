#include "output_path.hpp"

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/collectively.hpp>

namespace ntkflow {

void check_output(const Communicator& comm, const std::string& path, Overwrite overwrite,
                  std::int64_t bytes, std::span<const std::string> inputs) {
  collectively(comm, [&] {
    if (comm.rank() == 0) {
      output_path::check_inputs(path, inputs);
      output_path::check(path, overwrite);
      output_path::check_space(path, bytes);
    }
  });
}

namespace output_path {
namespace {

namespace fs = std::filesystem;

std::string system_text(int code) {
  return std::generic_category().message(code);
}

/// fsync of a file or folder; 0 or errno.
int sync(const std::string& path, int flags) {
  const int descriptor = open(path.c_str(), flags | O_CLOEXEC);
  if (descriptor < 0) {
    return errno;
  }
  const int code = fsync(descriptor) == 0 ? 0 : errno;
  close(descriptor);
  return code;
}

OutputExistsError exists_error(const std::string& path, const std::string& rest) {
  return OutputExistsError("the output file '" + path + "' exists already" + rest);
}

IoError rename_error(const std::string& partial, const std::string& path, int code) {
  return IoError("cannot rename '" + partial + "', which holds the complete result, to '" + path +
                 "': " + system_text(code));
}

/// Renames without ever replacing a file: a hard link fails when the name is taken, rename does
/// not.
void rename_exclusively(const std::string& partial, const std::string& path) {
  const std::string rest =
      " since this run began; the complete result is kept as '" + partial + "'";
  if (link(partial.c_str(), path.c_str()) == 0) {
    unlink(partial.c_str());
    return;
  }
  if (errno == EEXIST) {
    throw exists_error(path, rest);
  }
  // A file system without hard links (FAT, some network ones): check, then rename.
  std::error_code code;
  if (fs::exists(fs::symlink_status(path, code))) {
    throw exists_error(path, rest);
  }
  if (std::rename(partial.c_str(), path.c_str()) != 0) {
    throw rename_error(partial, path, errno);
  }
}

}  // namespace

std::string folder_of(const std::string& path) {
  const fs::path folder = fs::path(path).parent_path();
  return folder.empty() ? "." : folder.string();
}

void check(const std::string& path, Overwrite overwrite) {
  if (path.empty()) {
    throw IoError("the name of the output file is empty; set output.file");
  }
  const std::string folder = folder_of(path);
  std::error_code code;
  const fs::file_status folder_status = fs::status(folder, code);
  if (!fs::exists(folder_status)) {
    throw IoError("cannot write '" + path + "': the folder '" + folder +
                  "' does not exist; create it first");
  }
  if (!fs::is_directory(folder_status)) {
    throw IoError("cannot write '" + path + "': '" + folder + "' is not a folder");
  }
  const fs::file_status status = fs::symlink_status(path, code);
  if (status.type() == fs::file_type::none) {
    throw IoError("cannot write '" + path + "': " + code.message());
  }
  if (fs::is_directory(status) || fs::is_directory(fs::status(path, code)) ||
      fs::path(path).filename().empty()) {
    throw IoError("cannot write '" + path + "': it is a folder; name a file in it");
  }
  if (fs::exists(status) && !fs::is_regular_file(status) && !fs::is_symlink(status)) {
    throw IoError("cannot write '" + path + "': it is a device or another special file");
  }
  if (fs::exists(status) && overwrite == Overwrite::no) {
    throw exists_error(path, "; choose another name, or pass --overwrite to replace it");
  }
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    throw IoError("cannot write '" + path + "': the folder '" + folder +
                  "' is not writable: " + system_text(errno));
  }
}

void check_inputs(const std::string& path, std::span<const std::string> inputs) {
  const std::string partial = path + ".partial";
  for (const std::string& input : inputs) {
    const FileIdentity found = identity(input);
    if (found == FileIdentity{}) {
      continue;
    }
    if (found == identity(path)) {
      throw ConfigError("output '" + path + "' is the input file '" + input +
                        "'; choose another name");
    }
    if (found == identity(partial)) {
      throw ConfigError("output '" + path + "' is written as '" + partial +
                        "' until it is complete, and that is the input file '" + input +
                        "'; choose another name");
    }
  }
}

std::int64_t free_bytes(const std::string& path) {
  struct statvfs status {};
  if (statvfs(folder_of(path).c_str(), &status) != 0) {
    return -1;
  }
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(status.f_bavail, status.f_frsize, &bytes)) {
    return std::numeric_limits<std::int64_t>::max();
  }
  return bytes;
}

void check_space(const std::string& path, std::int64_t bytes) {
  const std::int64_t available = free_bytes(path);
  if (available >= 0 && available < bytes) {
    throw ResourceError("the result needs " + std::to_string(bytes) + " bytes, and the folder '" +
                        folder_of(path) + "' has " + std::to_string(available) +
                        " bytes free; free some or write elsewhere");
  }
}

void remove(const std::string& path) {
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    throw IoError("cannot remove '" + path + "': " + system_text(errno));
  }
}

FileIdentity identity(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) {
    return {};
  }
  return {status.st_dev, status.st_ino};
}

void sync_file(const std::string& path) {
  const int code = sync(path, O_RDWR);
  if (code == ENOSPC || code == EDQUOT) {
    throw ResourceError("cannot write '" + path + "' to disk: " + system_text(code));
  }
  if (code != 0) {
    throw IoError("cannot write '" + path + "' to disk: " + system_text(code));
  }
}

void move_into_place(const std::string& partial, const std::string& path, Overwrite overwrite) {
  if (overwrite == Overwrite::no) {
    rename_exclusively(partial, path);
  } else if (std::rename(partial.c_str(), path.c_str()) != 0) {
    throw rename_error(partial, path, errno);
  }
  // Some file systems know no fsync on folders (EINVAL), and then there is nothing to be done.
  const int code = sync(folder_of(path), O_RDONLY | O_DIRECTORY);
  if (code != 0 && code != EINVAL) {
    throw IoError("cannot sync the folder of '" + path + "' to disk: " + system_text(code));
  }
}

}  // namespace output_path
}  // namespace ntkflow
