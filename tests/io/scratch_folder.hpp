#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <ntkflow/base/error.hpp>
#include <ntkflow/dist/communicator.hpp>

namespace ntkflow::test {

/// A new, empty folder that is removed with everything in it.
class ScratchFolder {
 public:
  /// Local: for tests of one process.
  ScratchFolder() : path_(make()) {}
  /// One folder for all ranks, made and removed by rank 0. Collective over comm, also destruction.
  explicit ScratchFolder(const Communicator& comm) : comm_(&comm) {
    if (comm.rank() == 0) {
      path_ = make();
    }
    comm.broadcast(path_, 0);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ScratchFolder(ScratchFolder&&) = delete;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder() {
    if (comm_ != nullptr) {
      comm_->barrier();
    }
    if (comm_ == nullptr || comm_->rank() == 0) {
      std::error_code ignored;
      std::filesystem::remove_all(path_, ignored);
    }
  }

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool is_empty() const { return std::filesystem::is_empty(path_); }

 private:
  static std::string make() {
    std::string name = std::filesystem::temp_directory_path() / "ntkflow-test-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
      throw IoError("cannot make the folder '" + name + "'");
    }
    return name;
  }

  const Communicator* comm_ = nullptr;
  std::string path_;
};

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace ntkflow::test
