#pragma once

#include <string>
#include <string_view>

namespace ntkflow::config {

/// A path, or the sentence that says why there is none.
struct PathResult {
  std::string path;
  std::string problem;  ///< empty: none
};

/// Replaces ${NAME} and ${NAME:-default} as a shell does (the default also where NAME is empty);
/// "$${" stands for "${". Local; reads the environment.
PathResult expand_environment(std::string_view text);

/// As text stands in a path for expand_environment to give it back. Local.
std::string escape_environment(std::string_view text);

/// The absolute, tidied path of one that is relative to `folder`. Local; `folder` itself is
/// relative to the working directory.
PathResult resolve_path(const std::string& path, const std::string& folder);

/// The two parts of "file.h5:/path/to/dataset". `dataset` keeps its slash and is empty when there
/// is none. Local.
struct DatasetPath {
  std::string file;
  std::string dataset;
};
DatasetPath split_dataset_path(const std::string& text);

}  // namespace ntkflow::config
