#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <toml++/toml.h>

#include "names.hpp"
#include "problems.hpp"
#include "schema.hpp"

namespace ntkflow::config {

/// Reads the keys of one table strictly: what has the wrong type, is impossible or unknown becomes
/// a problem that says what is allowed. (toml++ alone reads a wrong-typed key as absent.) Getters
/// return nothing where the key is absent or was found wrong. All members are Local.
class TableReader {
 public:
  /// @param table  nullptr: absent, so that every key is. Unknown keys become problems here.
  TableReader(const toml::table* table, const TableSpec& spec, Problems& problems);

  [[nodiscard]] bool present() const noexcept { return table_ != nullptr; }
  [[nodiscard]] const toml::node* find(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }

  std::optional<std::int64_t> integer(
      std::string_view key, std::int64_t smallest,
      std::int64_t largest = std::numeric_limits<std::int64_t>::max()) const;
  /// A finite number; integers convert.
  std::optional<double> real(std::string_view key,
                             double smallest = std::numeric_limits<double>::lowest()) const;
  std::optional<bool> boolean(std::string_view key) const;
  std::optional<std::string> text(std::string_view key) const;
  template <class Enum, std::size_t size>
  std::optional<Enum> choice(std::string_view key, const Names<Enum, size>& names) const {
    const toml::node* node = find(key);
    return node == nullptr ? std::nullopt : choice(key, *node, names);
  }
  /// As above for a node in a list that stands at the key.
  template <class Enum, std::size_t size>
  std::optional<Enum> choice(std::string_view key, const toml::node& node,
                             const Names<Enum, size>& names) const {
    const auto name = node.value_exact<std::string>();
    for (const auto& named : names) {
      if (name == named.name) {
        return named.value;
      }
    }
    reject_name(key, node, all_names(names));
    return std::nullopt;
  }
  /// The table at a key, absent if there is none.
  [[nodiscard]] TableReader subtable(std::string_view key) const;
  /// As above for a table whose keys depend on what it holds; `spec` must outlive the reader.
  [[nodiscard]] TableReader subtable(std::string_view key, const TableSpec& spec) const;

  /// The tables of a list at a key, one or more; none where it is absent or wrong.
  [[nodiscard]] std::vector<TableReader> tables(std::string_view key) const;

  /// Records the value at the key as wrong: "found VALUE (type); allowed: ...".
  void reject(std::string_view key) const;
  /// As above for a node in a list or table that stands at the key. @param why  goes on after the
  /// value that was found
  void reject(std::string_view key, const toml::node& node, std::string_view why = "") const;
  /// As above where one of some names was expected: says which the user may have meant.
  void reject_name(std::string_view key, const toml::node& node,
                   const std::vector<std::string>& names) const;
  /// Records a sentence about the value at the key, or about the table where the key is absent.
  void complain(std::string_view key, std::string_view sentence) const;
  /// Records that a key is missing.
  void require(std::string_view key) const;

 private:
  [[nodiscard]] std::string full_name(std::string_view key) const;
  [[nodiscard]] const std::string& allowed(std::string_view key) const;
  void check_keys() const;

  const toml::table* table_;
  const TableSpec* spec_;
  Problems* problems_;
};

/// Records tables that no configuration has, keys outside of tables, and required tables that are
/// missing. Local.
void check_tables(const toml::table& document, Problems& problems);

/// Reader of a table of the document. Local. Something else of that name is a problem.
TableReader open_table(const toml::table& document, std::string_view name, Problems& problems);

}  // namespace ntkflow::config
