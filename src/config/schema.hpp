#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ntkflow::config {

/// One key: what it may hold, as messages say it after "allowed:", and what it is for.
struct KeySpec {
  std::string name;
  std::string allowed;
  std::string meaning;
};

/// One table, or a table inside one ("data.train"), with all its keys.
struct TableSpec {
  std::string name;
  std::vector<KeySpec> keys;

  [[nodiscard]] const KeySpec* find(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> key_names() const;
};

/// Every table that a configuration may hold, in the order in which it is read and printed. The
/// only list of keys: reading, messages and help all go by it. Local.
const std::vector<TableSpec>& schema();

/// The table of that name. Local. @pre there is one.
const TableSpec& table_spec(std::string_view name);

/// Why something the configuration language knows is not in this version, and what to use instead.
/// @param key    "table", "table.key"
/// @param value  of the key, or empty: the key or table itself
/// Empty when there is nothing to say. Local.
std::string_view why_unavailable(std::string_view key, std::string_view value);

/// What the kernel calls an activation that is given as text.
inline constexpr std::string_view kExpression = "expression";

/// What kernel.type may be: a kernel of a network or a named one. Local.
std::vector<std::string> kernel_types();

/// The activations that a configuration can name: all but kExpression. Local.
std::vector<std::string> named_activations();

/// `"a" | "b" | "c"`. Local.
std::string quoted_alternatives(const std::vector<std::string>& names);

}  // namespace ntkflow::config
