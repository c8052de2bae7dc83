#include <algorithm>
#include <cstdio>
#include <type_traits>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ntkflow/dist/collectively.hpp>
#include <ntkflow/io/hdf5_reader.hpp>

#include "claim_text.hpp"
#include "commands.hpp"
#include "kernel_attributes.hpp"

namespace ntkflow::app {
namespace {

std::string as_text(const Attribute& attribute) {
  return std::visit(
      [](const auto& value) -> std::string {
        using Value = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, double>) {
          return fmt::format("{:.6g}", value);
        } else if constexpr (std::is_same_v<Value, std::string> ||
                             std::is_same_v<Value, std::int64_t>) {
          return fmt::format("{}", value);
        } else {
          return fmt::format("{}", fmt::join(value, " "));
        }
      },
      attribute);
}

void append_attributes(const Hdf5Reader& file, const std::string& object, std::string& text) {
  for (const std::string& name : file.attribute_names(object)) {
    const auto value = file.attribute(object, name);
    if (value && name != "config") {
      text += fmt::format("  {:<26} {}\n", name, as_text(*value));
    }
  }
}

/// The attributes of /kernel, with those of the activation in one line.
void append_kernel(const Hdf5Reader& file, std::string& text) {
  for (const std::string& name : file.attribute_names("/kernel")) {
    if (name == kActivationAttribute) {
      text += fmt::format("  {:<26} {}\n", name, activation_toml(read_activation_attributes(file)));
    } else if (!name.starts_with(kActivationAttribute)) {
      text += fmt::format("  {:<26} {}\n", name, as_text(*file.attribute("/kernel", name)));
    }
  }
}

/// Every data set of ours is described by a long_name; groups are not.
bool is_dataset(const Hdf5Reader& file, const std::string& object) {
  return file.attribute(object, "long_name").has_value();
}

/// Some of `count` positions, the first and the last among them.
std::vector<std::size_t> selection(std::size_t count, std::size_t most) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < std::min(count, most); ++i) {
    chosen.push_back(count <= most ? i : i * (count - 1) / (most - 1));
  }
  return chosen;
}

/// Columns of one-dimensional data sets of a group beside each other; of those with a second axis
/// the first entry along it.
void append_table(const Hdf5Reader& file,
                  const std::vector<std::pair<std::string, std::string>>& columns,
                  std::string& text) {
  std::vector<std::vector<double>> values;
  std::string heading;
  for (const auto& [path, title] : columns) {
    if (file.has(path)) {
      values.push_back(file.read_all(path));
      heading += fmt::format(" {:>14}", title);
    }
  }
  if (values.empty()) {
    return;
  }
  text += " " + heading + "\n";
  constexpr std::size_t kMostRows = 30;
  for (const std::size_t i : selection(values.front().size(), kMostRows)) {
    text += " ";
    for (const auto& column : values) {
      text += fmt::format(" {:>14.6g}", column[i * (column.size() / values.front().size())]);
    }
    text += "\n";
  }
}

std::string describe_file(const Hdf5Reader& file, const std::string& path) {
  const auto format = file.attribute("/", "format");
  if (!format || as_text(*format) != "ntkflow") {
    throw DataError(path + " is not a result file of ntkflow");
  }
  const auto version = file.attribute("/", "format_version");
  if (!version || as_text(*version).substr(0, 2) != "1.") {
    throw DataError(
        fmt::format("{} has layout version {}, and this program reads 1.x: use a newer ntkflow",
                    path, version ? as_text(*version) : "unknown"));
  }
  std::string text = path + "\n";
  append_attributes(file, "/", text);
  if (const auto config = file.attribute("/", "config")) {
    text += "\nconfiguration\n" + as_text(*config) + "\n";
  }
  for (const char* group :
       {"data", "kernel", "ridge_path", "regression", "dynamics", "posterior", "random_functions",
        "spectrum", "kernel_pca", "model", "prediction", "network", "experiment"}) {
    const std::string object = std::string("/") + group;
    if (file.has(object)) {
      text += fmt::format("\n{}\n", group);
      if (object == "/kernel") {
        append_kernel(file, text);
      } else {
        append_attributes(file, object, text);
      }
    }
  }
  if (file.has("/ridge_path/ridge")) {
    text += "\nridge path\n";
    append_table(file,
                 {{"/ridge_path/ridge", "ridge"},
                  {"/ridge_path/train_mse", "train mse"},
                  {"/ridge_path/test_mse", "test mse"},
                  {"/ridge_path/test_accuracy", "test acc."},
                  {"/ridge_path/leave_one_out_mse", "leave-one-out"},
                  {"/ridge_path/gcv", "gcv"},
                  {"/ridge_path/log_marginal_likelihood", "log likelihood"},
                  {"/ridge_path/effective_dimension", "dimension"}},
                 text);
  }
  if (file.has("/dynamics/time")) {
    text += "\ncurves\n";
    append_table(file,
                 {{"/dynamics/step", "step"},
                  {"/dynamics/time", "time"},
                  {"/dynamics/train_loss", "train loss"},
                  {"/dynamics/test_loss", "test loss"},
                  {"/dynamics/train_accuracy", "train acc."},
                  {"/dynamics/test_accuracy", "test acc."}},
                 text);
  }
  if (file.has("/random_functions/count")) {
    text += "\nrandom functions, of the first draw\n";
    append_table(file,
                 {{"/random_functions/count", "count"},
                  {"/random_functions/train_mse", "train mse"},
                  {"/random_functions/test_mse", "test mse"},
                  {"/random_functions/test_accuracy", "test acc."},
                  {"/random_functions/error", "error"},
                  {"/random_functions/relative_error", "relative error"}},
                 text);
  }
  if (file.has("/spectrum/eigenvalue")) {
    text += "\nspectrum\n";
    append_table(file,
                 {{"/spectrum/mode", "mode"},
                  {"/spectrum/eigenvalue", "eigenvalue"},
                  {"/spectrum/target_energy", "target energy"},
                  {"/spectrum/residual_by_pair", "residual"}},
                 text);
  }
  if (file.has("/spectrum/predicted_steps")) {
    text += "\nsteps of gradient descent\n";
    append_table(
        file, {{"/spectrum/loss", "training loss"}, {"/spectrum/predicted_steps", "steps"}}, text);
  }
  if (file.has("/spectrum/effective_dimension_curve")) {
    text += "\neffective dimension\n";
    append_table(file,
                 {{"/spectrum/effective_dimension_ridge", "ridge"},
                  {"/spectrum/effective_dimension_curve", "dimension"},
                  {"/spectrum/effective_dimension_upper", "at most"}},
                 text);
  }
  if (file.has("/claim/statement")) {
    const auto statements = file.read_strings("/claim/statement");
    const auto values = file.read_all("/claim/value");
    const auto expected = file.read_all("/claim/expected");
    const auto tolerance = file.read_all("/claim/tolerance");
    text += "\nclaims\n";
    for (std::size_t i = 0; i < statements.size(); ++i) {
      text += "  " + claim_text({statements[i], values[i], expected[i], tolerance[i]}) + "\n";
    }
  }
  if (file.has("/timing/phase")) {
    const auto names = file.read_strings("/timing/phase");
    const auto seconds = file.read_all("/timing/seconds");
    const auto rate = file.read_all("/timing/gflops");
    std::size_t width = 0;
    for (const std::string& name : names) {
      width = std::max(width, name.size());
    }
    text += fmt::format("\n  {:<{}} {:>10} {:>10}\n", "phase", width, "seconds", "GFLOP/s");
    for (std::size_t i = 0; i < names.size(); ++i) {
      text += fmt::format("  {:<{}} {:>10.3f} {:>10.1f}\n", names[i], width, seconds[i], rate[i]);
    }
  }
  text += "\ndata sets\n";
  for (const std::string& group : file.members("/")) {
    const std::string object = "/" + group;
    std::vector<std::string> paths{object};
    if (!is_dataset(file, object)) {
      paths.clear();
      for (const std::string& name : file.members(object)) {
        paths.push_back(object + "/" + name);
      }
    }
    for (const std::string& dataset : paths) {
      if (is_dataset(file, dataset)) {
        std::string shape;
        for (const std::int64_t extent : file.shape(dataset)) {
          shape += (shape.empty() ? "" : " x ") + fmt::format("{}", extent);
        }
        text += fmt::format("  {:<32} {}\n", dataset, shape);
      }
    }
  }
  return text;
}

}  // namespace

void show(const Communicator& comm, const CommandLine& line) {
  collectively(comm, [&] {
    if (comm.rank() == 0) {
      const std::string text = describe_file(Hdf5Reader(line.file), line.file);
      std::fputs(text.c_str(), stdout);
      std::fflush(stdout);
    }
  });
}

}  // namespace ntkflow::app
