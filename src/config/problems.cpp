#include "problems.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <ntkflow/base/error.hpp>

namespace ntkflow::config {

namespace {

/// Keys, paths and settings may hold line breaks and worse; a problem is one line.
std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

}  // namespace

void Problems::add(const toml::source_region& where, std::string_view key, std::string_view text) {
  const bool of_setting = where.path && where.path->starts_with(kSettingPrefix);
  if (of_setting) {
    found_.push_back({0, on_one_line(fmt::format("{}: {}: {}", *where.path, key, text))});
  } else if (const std::int64_t line = where.begin.line; line > 0) {
    found_.push_back({line, on_one_line(fmt::format("{}:{}: {}: {}", file_, line, key, text))});
  } else {
    add(key, text);  // a table that only settings made
  }
}

void Problems::add(std::string_view key, std::string_view text) {
  found_.push_back({0, on_one_line(fmt::format("{}: {}: {}", file_, key, text))});
}

void Problems::throw_if_any() const {
  if (found_.empty()) {
    return;
  }
  auto sorted = found_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
    return a.line != 0 && (b.line == 0 || a.line < b.line);
  });
  std::string text;
  for (const Problem& problem : sorted) {
    text += (text.empty() ? "" : "\n") + problem.text;
  }
  throw ConfigError(text);
}

}  // namespace ntkflow::config
