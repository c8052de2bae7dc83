#include "paths.hpp"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "toml_text.hpp"

namespace ntkflow::config {

namespace {

bool is_variable_name(std::string_view name) {
  if (name.empty() || (name.front() >= '0' && name.front() <= '9')) {
    return false;
  }
  for (const char c : name) {
    const bool allowed =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!allowed) {
      return false;
    }
  }
  return true;
}

/// The value of "NAME" or "NAME:-default".
PathResult variable(const std::string& inside) {
  const auto separator = inside.find(":-");
  const std::string name = inside.substr(0, separator);
  if (!is_variable_name(name)) {
    return {
        {},
        fmt::format("${{{}}} is not understood; allowed: ${{NAME}} or ${{NAME:-default}}", inside)};
  }
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): no thread yet
  if (separator != std::string::npos && (value == nullptr || *value == '\0')) {
    return {inside.substr(separator + 2), {}};
  }
  if (value == nullptr) {
    return {{},
            fmt::format("the environment variable {0} is not set; set it, or write "
                        "${{{0}:-default}}",
                        name)};
  }
  return {value, {}};
}

}  // namespace

PathResult expand_environment(std::string_view text) {
  std::string expanded;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("$${")) {
      expanded += "${";
      at += 3;
    } else if (rest.starts_with("${")) {
      const auto end = rest.find('}');
      const std::string inside(rest.substr(2, end == std::string_view::npos ? end : end - 2));
      if (end == std::string_view::npos || inside.find("${") != std::string::npos) {
        return {{}, fmt::format("${{{} has no end of its own; write ${{NAME}}", inside)};
      }
      PathResult value = variable(inside);
      if (!value.problem.empty()) {
        return value;
      }
      expanded += value.path;
      at += end + 1;
    } else {
      expanded += text[at];
      ++at;
    }
  }
  return {expanded, {}};
}

std::string escape_environment(std::string_view text) {
  std::string escaped;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with("${")) {
      escaped += '$';
    }
    escaped += text[i];
  }
  return escaped;
}

PathResult resolve_path(const std::string& path, const std::string& folder) {
  if (path.empty()) {
    return {{}, "the path is empty"};
  }
  if (path.find('\0') != std::string::npos) {
    return {{}, "the path holds a zero byte"};
  }
  std::error_code error;
  const auto absolute = std::filesystem::absolute(std::filesystem::path(folder) / path, error);
  if (error) {
    return {{}, fmt::format("the working directory cannot be found: {}", error.message())};
  }
  std::string resolved = absolute.lexically_normal().string();
  if (!is_utf8(resolved)) {
    return {{}, "the path is not UTF-8, in which configurations and results are written"};
  }
  return {std::move(resolved), {}};
}

DatasetPath split_dataset_path(const std::string& text) {
  const auto colon = text.rfind(":/");
  if (colon == std::string::npos || colon == 0 || colon + 2 == text.size()) {
    return {text, {}};
  }
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace ntkflow::config
