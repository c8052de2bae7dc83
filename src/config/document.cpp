#include "document.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <ntkflow/base/error.hpp>

namespace ntkflow::config {

namespace {

std::string trimmed(const std::string& text) {
  const auto begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? std::string{}
                                    : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// "data.targets.on" as its names; empty when one of them is no bare TOML key.
std::vector<std::string> split_key(std::string_view key) {
  std::vector<std::string> names(1);
  for (const char c : key) {
    const bool bare = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
    if (c == '.') {
      names.emplace_back();
    } else if (bare) {
      names.back() += c;
    } else {
      return {};
    }
  }
  const bool complete = std::none_of(names.begin(), names.end(),
                                     [](const std::string& name) { return name.empty(); });
  return complete ? names : std::vector<std::string>{};
}

/// Whether text that is no TOML value may be meant as a string: nothing that starts like one of the
/// quoted or bracketed values, whose errors must be told.
bool is_plain_text(std::string_view text) {
  const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == '\'' || c == 0x7f;
  });
  return printable && std::string_view("[{\"").find(text.front()) == std::string_view::npos;
}

/// "value = TEXT" as a document of exactly that key.
toml::table parse_value(std::string_view text, const std::string& place) {
  try {
    toml::table parsed = toml::parse(fmt::format("value = {}", text), place);
    if (parsed.size() == 1) {  // else TEXT holds line breaks and further keys
      return parsed;
    }
  } catch (const toml::parse_error&) {
    if (!is_plain_text(text)) {
      throw;
    }
  }
  return toml::parse(fmt::format("value = '{}'", text), place);
}

void apply_setting(toml::table& document, const std::string& setting, Problems& problems) {
  const std::string place = std::string(kSettingPrefix) + setting;
  const auto here = [&place] {
    return toml::source_region{{}, {}, std::make_shared<const std::string>(place)};
  };
  const auto equals = setting.find('=');
  const std::string key = trimmed(setting.substr(0, equals));
  const std::string text = equals == std::string::npos ? "" : trimmed(setting.substr(equals + 1));
  std::vector<std::string> names = split_key(key);
  if (names.size() < 2 || text.empty()) {
    problems.add(here(), "setting", "allowed: table.key=VALUE, with VALUE as in TOML");
    return;
  }
  toml::table value;
  try {
    value = parse_value(text, place);
  } catch (const toml::parse_error& error) {
    problems.add(here(), key, fmt::format("not a TOML value: {}", error.description()));
    return;
  }
  const std::string last = names.back();
  names.pop_back();
  toml::table* table = &document;
  for (const std::string& name : names) {
    toml::node* next = table->get(name);
    if (next == nullptr) {
      next = &table->insert(toml::key(name, here()), toml::table{}).first->second;
    }
    table = next->as_table();
    if (table == nullptr) {
      problems.add(here(), key, fmt::format("`{}` is not a table in the configuration", name));
      return;
    }
  }
  table->erase(last);
  table->insert(toml::key(last, here()), std::move(*value.get("value")));
}

}  // namespace

toml::table read_document(const ConfigSource& source, Problems& problems) {
  toml::table document;
  try {
    document = toml::parse(std::string_view(source.text));
  } catch (const toml::parse_error& error) {
    const auto& at = error.source().begin;
    throw ConfigError(fmt::format("{}:{}:{}: not TOML: {}",
                                  source.path.empty() ? "configuration" : source.path, at.line,
                                  at.column, error.description()));
  }
  for (const std::string& setting : source.settings) {
    apply_setting(document, setting, problems);
  }
  return document;
}

}  // namespace ntkflow::config
