#include "table_reader.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include <fmt/format.h>

#include <ntkflow/base/contract.hpp>

#include "suggest.hpp"
#include "toml_text.hpp"

namespace ntkflow::config {

namespace {

constexpr std::size_t kLongestValue = 60;  // bytes of a value that a message repeats

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "table";
    case toml::node_type::array:
      return "list";
    case toml::node_type::string:
      return "string";
    case toml::node_type::integer:
      return "integer";
    case toml::node_type::floating_point:
      return "float";
    case toml::node_type::boolean:
      return "boolean";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "date or time";
    case toml::node_type::none:
      break;
  }
  return "nothing";
}

/// A value as one may write it, numbers with no more digits than they need.
std::string value_text(const toml::node& node) {
  if (const auto* number = node.as_floating_point()) {
    return toml_float(number->get());
  }
  if (const toml::array* list = node.as_array(); list != nullptr && !list->empty()) {
    std::string text;
    for (const toml::node& element : *list) {
      text += (text.empty() ? "[ " : ", ") + value_text(element);
    }
    return text + " ]";
  }
  std::ostringstream out;
  out << toml::toml_formatter(node, toml::format_flags::allow_unicode_strings);
  return out.str();
}

/// "VALUE (type)" on one line, shortened.
std::string describe(const toml::node& node) {
  if (node.is_table()) {
    return "{ ... } (table)";
  }
  std::string value;
  for (const char c : value_text(node)) {  // long tables are formatted over several lines
    if (c != '\n') {
      value += c;
    } else if (!value.ends_with(' ')) {
      value += ' ';
    }
  }
  if (value.size() > kLongestValue) {
    std::size_t end = kLongestValue;
    while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xc0) == 0x80) {
      --end;  // not inside a character
    }
    value = value.substr(0, end) + "...";
  }
  return fmt::format("{} ({})", value, type_name(node));
}

/// "; did you mean ...?" where a name is near, else nothing.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates,
                         std::string_view format) {
  const auto nearest = nearest_name(name, candidates);
  return nearest ? fmt::format("; did you mean {}?", fmt::format(fmt::runtime(format), *nearest))
                 : std::string{};
}

/// The tables, "table.key" each, that have a key of exactly this name.
std::string where_else(std::string_view key) {
  std::string places;
  for (const TableSpec& table : schema()) {
    if (table.find(key) != nullptr) {
      places += fmt::format("{}{}.{}", places.empty() ? "" : " or ", table.name, key);
    }
  }
  return places.empty() ? places : fmt::format("; did you mean {}?", places);
}

}  // namespace

TableReader::TableReader(const toml::table* table, const TableSpec& spec, Problems& problems)
    : table_(table), spec_(&spec), problems_(&problems) {
  if (table_ != nullptr) {
    check_keys();
  }
}

void TableReader::check_keys() const {
  for (const auto& [key, node] : *table_) {
    if (spec_->find(key.str()) != nullptr) {
      continue;
    }
    const std::string name = full_name(key.str());
    if (const auto why = why_unavailable(name, ""); !why.empty()) {
      problems_->add(key.source(), name, why);
      continue;
    }
    const auto names = spec_->key_names();
    std::string hint = did_you_mean(key.str(), names, "{}");
    if (hint.empty()) {
      hint = where_else(key.str());
    }
    if (hint.empty()) {
      hint = fmt::format("; allowed: {}", fmt::join(names, ", "));
    }
    problems_->add(key.source(), name, "unknown key" + hint);
  }
}

const toml::node* TableReader::find(std::string_view key) const {
  return table_ == nullptr ? nullptr : table_->get(key);
}

std::optional<std::int64_t> TableReader::integer(std::string_view key, std::int64_t smallest,
                                                 std::int64_t largest) const {
  const toml::node* node = find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const auto value = node->value_exact<std::int64_t>();
  if (!value || *value < smallest || *value > largest) {
    reject(key);
    return std::nullopt;
  }
  return value;
}

std::optional<double> TableReader::real(std::string_view key, double smallest) const {
  const toml::node* node = find(key);
  if (node == nullptr) {
    return std::nullopt;
  }
  const auto value = node->is_number() ? node->value<double>() : std::nullopt;
  if (!value || !std::isfinite(*value) || *value < smallest) {
    reject(key);
    return std::nullopt;
  }
  return value;
}

std::optional<bool> TableReader::boolean(std::string_view key) const {
  const toml::node* node = find(key);
  const auto value = node == nullptr ? std::nullopt : node->value_exact<bool>();
  if (node != nullptr && !value) {
    reject(key);
  }
  return value;
}

std::optional<std::string> TableReader::text(std::string_view key) const {
  const toml::node* node = find(key);
  auto value = node == nullptr ? std::nullopt : node->value_exact<std::string>();
  if (node != nullptr && !value) {
    reject(key);
  }
  return value;
}

TableReader TableReader::subtable(std::string_view key) const {
  return subtable(key, table_spec(full_name(key)));
}

TableReader TableReader::subtable(std::string_view key, const TableSpec& spec) const {
  const toml::node* node = find(key);
  const toml::table* table = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && table == nullptr) {
    reject(key);
  }
  return {table, spec, *problems_};
}

std::vector<TableReader> TableReader::tables(std::string_view key) const {
  const toml::node* node = find(key);
  const toml::array* list = node == nullptr ? nullptr : node->as_array();
  std::vector<TableReader> readers;
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    if (const toml::table* table = (*list)[i].as_table()) {
      readers.push_back({table, table_spec(full_name(key)), *problems_});
    }
  }
  if (node != nullptr && (readers.empty() || readers.size() != list->size())) {
    reject(key);
    readers.clear();
  }
  return readers;
}

void TableReader::reject(std::string_view key) const {
  reject(key, *find(key));
}

void TableReader::reject(std::string_view key, const toml::node& node, std::string_view why) const {
  problems_->add(node.source(), full_name(key),
                 fmt::format("found {}{}; allowed: {}", describe(node), why, allowed(key)));
}

void TableReader::reject_name(std::string_view key, const toml::node& node,
                              const std::vector<std::string>& names) const {
  const std::string name = node.value_exact<std::string>().value_or("");
  if (const auto why = why_unavailable(full_name(key), name); !name.empty() && !why.empty()) {
    problems_->add(node.source(), full_name(key), fmt::format("found {}; {}", describe(node), why));
    return;
  }
  problems_->add(node.source(), full_name(key),
                 fmt::format("found {}; allowed: {}{}", describe(node), allowed(key),
                             did_you_mean(name, names, "\"{}\"")));
}

void TableReader::complain(std::string_view key, std::string_view sentence) const {
  if (const toml::node* node = find(key)) {
    problems_->add(node->source(), full_name(key), sentence);
  } else if (table_ != nullptr) {
    problems_->add(table_->source(), full_name(key), sentence);
  } else {
    problems_->add(full_name(key), sentence);
  }
}

void TableReader::require(std::string_view key) const {
  complain(key, fmt::format("missing; needed: {}", allowed(key)));
}

std::string TableReader::full_name(std::string_view key) const {
  return fmt::format("{}.{}", spec_->name, key);
}

const std::string& TableReader::allowed(std::string_view key) const {
  const KeySpec* spec = spec_->find(key);
  NTKFLOW_EXPECTS(spec != nullptr, key);
  return spec->allowed;
}

void check_tables(const toml::table& document, Problems& problems) {
  std::vector<std::string> names;
  for (const TableSpec& table : schema()) {
    if (table.name.find('.') == std::string::npos) {
      names.push_back(table.name);
    }
  }
  for (const auto& [key, node] : document) {
    const std::string name(key.str());
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      continue;
    }
    if (const auto why = why_unavailable(name, ""); !why.empty()) {
      problems.add(key.source(), name, why);
    } else if (node.is_table()) {
      std::string hint = did_you_mean(name, names, "[{}]");
      if (hint.empty()) {
        hint = fmt::format("; allowed: [{}]", fmt::join(names, "], ["));
      }
      problems.add(key.source(), name, "unknown table" + hint);
    } else {
      problems.add(key.source(), name, "a key outside of any table" + where_else(name));
    }
  }
}

TableReader open_table(const toml::table& document, std::string_view name, Problems& problems) {
  const toml::node* node = document.get(name);
  const toml::table* table = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && table == nullptr) {
    problems.add(node->source(), name,
                 fmt::format("found {}; allowed: a table [{}]", describe(*node), name));
  }
  return {table, table_spec(name), problems};
}

}  // namespace ntkflow::config
