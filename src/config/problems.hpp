#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

namespace ntkflow::config {

/// What "--set" settings are named in messages; their text follows.
inline constexpr std::string_view kSettingPrefix = "--set ";

/// The problems found so far in one configuration, each a line "PLACE: key: text".
class Problems {
 public:
  /// @param file  what messages call the configuration.
  explicit Problems(std::string file) : file_(std::move(file)) {}

  /// At a place in the file ("FILE:LINE") or in a setting ("--set table.key=VALUE").
  void add(const toml::source_region& where, std::string_view key, std::string_view text);
  /// Of the file as a whole.
  void add(std::string_view key, std::string_view text);

  [[nodiscard]] bool empty() const noexcept { return found_.empty(); }
  /// Throws one ConfigError with all of them, in the order of the file's lines, then those without
  /// a line.
  void throw_if_any() const;

 private:
  struct Problem {
    std::int64_t line = 0;  ///< 0: none
    std::string text;
  };
  std::string file_;
  std::vector<Problem> found_;
};

}  // namespace ntkflow::config
