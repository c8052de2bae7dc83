#include "memory.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace ntkflow::app {
namespace {

constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

/// The first number in a file, or -1.
std::int64_t read_number(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::int64_t value = 0;
  return file >> value ? value : -1;
}

/// The number after `name` in a file of lines "name value ...", or -1.
std::int64_t read_field(const std::filesystem::path& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string first;
    std::int64_t value = 0;
    if (fields >> first >> value && first == name) {
      return value;
    }
  }
  return -1;
}

/// What this process's control group (version 2) and all above it leave: a batch job or container
/// may be allowed less than the machine has. Page cache counts as used there, and can be taken
/// back.
std::int64_t left_by_control_groups() {
  std::int64_t left = kUnlimited;
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  while (std::getline(groups, line) && !line.starts_with("0::")) {
  }
  const std::filesystem::path root = "/sys/fs/cgroup";
  std::filesystem::path group = line.size() > 4 ? line.substr(4) : "";  // after "0::/"
  while (true) {
    const std::filesystem::path folder = root / group;
    const std::int64_t limit = read_number(folder / "memory.max");
    const std::int64_t used = read_number(folder / "memory.current");
    if (limit >= 0 && used >= 0) {
      const std::int64_t cache =
          std::max<std::int64_t>(0, read_field(folder / "memory.stat", "inactive_file"));
      left = std::min(left, std::max<std::int64_t>(0, limit - used + cache));
    }
    if (group.empty()) {
      return left;
    }
    group = group.parent_path();
  }
}

/// What the limit on this process's addresses leaves. Libraries map far more than they touch, so
/// that the limit is reached long before as much memory is resident.
std::int64_t left_by_address_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return kUnlimited;
  }
  const std::int64_t mapped =
      std::max<std::int64_t>(0, read_number("/proc/self/statm")) * sysconf(_SC_PAGESIZE);
  const auto allowed =
      static_cast<std::int64_t>(std::min<rlim_t>(limit.rlim_cur, static_cast<rlim_t>(kUnlimited)));
  return std::max<std::int64_t>(0, allowed - mapped);
}

}  // namespace

std::int64_t available_memory_per_rank(int ranks_on_node) {
  const std::int64_t kib = read_field("/proc/meminfo", "MemAvailable:");
  const std::int64_t machine = kib < 0 ? kUnlimited : kib * 1024;
  return std::min(std::min(machine, left_by_control_groups()) / ranks_on_node,
                  left_by_address_limit());
}

AvailableMemory least_available_memory(const Communicator& comm) {
  const Communicator node = comm.split_by_node();
  const auto all = comm.all_gather(available_memory_per_rank(node.size()));
  const auto [least, most] = std::minmax_element(all.begin(), all.end());
  return {*least, *most, static_cast<int>(least - all.begin())};
}

std::int64_t peak_resident_bytes() {
  // The usage of a process starts with that of the one that it was started by.
  if (const std::int64_t kib = read_field("/proc/self/status", "VmHWM:"); kib >= 0) {
    return kib * 1024;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{usage.ru_maxrss} * 1024;
}

}  // namespace ntkflow::app
