#include "schema.hpp"

#include <algorithm>
#include <array>

#include <ntkflow/base/contract.hpp>

#include "names.hpp"

namespace ntkflow::config {

namespace {

constexpr const char* kPositiveText = "a list of 1 to 1000 ascending finite numbers > 0";
constexpr const char* kPathText = "text, a path; ${NAME} and ${NAME:-default} are replaced";

template <class Enum, std::size_t size>
std::string one_of(const Names<Enum, size>& names) {
  return quoted_alternatives(all_names(names));
}

std::string activation_choices() {
  return quoted_alternatives(named_activations()) +
         ", { name = \"...\", PARAMETER = ... } or { expression = \"...\", kinks = [...] }";
}

std::vector<KeySpec> data_files() {
  return {{"inputs", kPathText, "file of the inputs; hdf5: \"file.h5:/path/to/dataset\""},
          {"targets", kPathText, "file of the targets; csv has none, its targets are columns"}};
}

std::vector<KeySpec> ridge_grid() {
  return {{"start", "a finite number >= 0 (> 0 with spacing = \"log\")", "least ridge"},
          {"stop", "a finite number greater than `start`", "largest ridge"},
          {"count", "an integer from 1 to 1000", "number of ridges"},
          {"spacing", one_of(kSpacings), "equal ratios or equal differences"}};
}

std::vector<KeySpec> time_grid() {
  return {{"start", "a finite number >= 0 (> 0 with spacing = \"log\")", "first time"},
          {"stop", "a finite number greater than `start`", "last time"},
          {"count", "an integer from 1 to 100000", "number of times"},
          {"spacing", one_of(kSpacings), "equal ratios or equal differences"}};
}

std::vector<KeySpec> step_grid() {
  return {{"start", "a whole number >= 0 (>= 1 with spacing = \"log\")", "fewest steps"},
          {"stop", "a whole number greater than `start`, at most 1000000000", "most steps"},
          {"count", "an integer from 1 to 100000", "how many numbers, before rounding"},
          {"spacing", one_of(kSpacings), "equal ratios or equal differences"}};
}

std::vector<KeySpec> positive_ridge_grid() {
  return {{"start", "a finite number > 0", "first ridge"},
          {"stop", "a finite number greater than `start`", "last ridge"},
          {"count", "an integer from 1 to 100000", "number of ridges"},
          {"spacing", one_of(kSpacings), "equal ratios or equal differences"}};
}

std::vector<TableSpec> make_schema() {
  return {
      {"data",
       {{"format", one_of(kDataFormats), "of the data files, or synthetic for generated data"},
        {"train", "{ inputs = \"...\", targets = \"...\" }", "files of the training set"},
        {"test", "{ inputs = \"...\", targets = \"...\" }", "files of the test set; absent: none"},
        {"train_size", "an integer >= 1", "training samples to use; absent: all"},
        {"train_offset", "an integer >= 0", "training rows skipped before the subset rule"},
        {"test_size", "an integer >= 0", "test samples to use; absent: all (synthetic: none)"},
        {"subset", one_of(kSubsetRules), "which train_size rows are used"},
        {"seed", "an integer >= 0", "of subset = \"random\" and of synthetic data"},
        {"preprocess", "a list of " + one_of(kPreprocessSteps), "steps, applied in this order"},
        {"targets", "{ encoding = \"...\", on = ..., off = ..., classes = ... }",
         "how targets become outputs"},
        {"target_columns", "a list of column names or of column numbers from 0",
         "csv: columns of the targets; absent: the last one"},
        {"kind", one_of(kSyntheticKinds), "synthetic: where the inputs lie"},
        {"size", "an integer from 1 to 2^40",
         "synthetic: training samples; absent only for boolean_cube: all corners"},
        {"dimension", "an integer from 1 to 2^20", "synthetic: number of inputs"},
        {"target", "text, an expression in x1, x2, ...", "synthetic: the function to learn"}}},
      {"data.train", data_files()},
      {"data.test", data_files()},
      {"data.targets",
       {{"encoding", one_of(kTargetEncodings), "one output per class, the label, or as stored"},
        {"on", "a finite number greater than `off`", "one_hot: output of a sample's own class"},
        {"off", "a finite number less than `on`", "one_hot: output of every other class"},
        {"classes", "an integer from 1 to 1000000",
         "number of classes; absent: the largest training label plus one"}}},
      {"kernel",
       {{"type", quoted_alternatives(kernel_types()),
         "Neural Tangent Kernel or Gaussian-process covariance of a network, or a kernel to "
         "compare"},
        {"activation", activation_choices(),
         "the network's activation function, with its parameters"},
        {"depth", "an integer >= 1", "number of affine layers, so depth - 1 hidden ones"},
        {"weight_variance", "a finite number > 0", "sigma_w^2"},
        {"bias_variance", "a finite number >= 0", "sigma_b^2 = beta^2"},
        {"preset", one_of(kPresets),
         "instead of the variances: 1 and 0.01, or Arora et al.'s scaling"},
        {"offset", "a finite number from 0 to 1e6", "polynomial: c in (c + x.x'/d)^degree"},
        {"degree", "an integer from 1 to 100", "polynomial: the power"},
        {"length_scale", "a finite number from 1e-6 to 1e6",
         "rbf, laplace: l in exp(-r^2 / (2 l^2)), exp(-r / l); r^2 = |x - x'|^2 / d"},
        {"order", "an integer from 0 to 5", "arccos: n in |x|^n |x'|^n J_n(theta) / pi"},
        {"evaluation", one_of(kEvaluationPaths), "how the kernel is computed"}}},
      {"regression",
       {{"ridge",
         "a finite number >= 0, a list of 1 to 1000 ascending ones, or { start, stop, count, "
         "spacing }",
         "added to the diagonal of the kernel matrix; of several the best is used"},
        {"ridge_scale", one_of(kRidgeScales), "mean_diagonal: ridge times trace(K)/N"},
        {"select", one_of(kRidgeCriteria), "what the best of several ridges is chosen by"},
        {"path_method", one_of(kRidgePathMethods), "how several ridges are solved"},
        {"precision", one_of(kPrecisions), "of the kernel matrix and its factor"},
        {"factorization", one_of(kFactorizations), "Cholesky routine"},
        {"solver", one_of(kSolvers), "of the linear system"}}},
      {"regression.ridge", ridge_grid()},
      {"dynamics",
       {{"times", "a list of ascending finite numbers >= 0, or { start, stop, count, spacing }",
         "when the flow is looked at"},
        {"optimizer", one_of(kOptimizers), "gradient flow, or the steps of an optimizer"},
        {"steps",
         "a list of ascending integers from 0 to 1000000000, or { start, stop, count, spacing }",
         "instead of times: after how many steps an optimizer is looked at"},
        {"learning_rate", "a finite number > 0", "of a step, in the unit of time"},
        {"momentum", "a number >= 0 and < 1", "of heavy_ball and nesterov; absent: 0.9"},
        {"unstable", one_of(kUnstableRates), "a learning rate beyond the stable limit"},
        {"time_unit", one_of(kTimeUnits),
         "times and learning rate are multiples of 1/lambda_max(K/N), or of 1"},
        {"method", one_of(kFlowMethods), "how the flow is computed"},
        {"products", one_of(kFlowProducts), "krylov: K as stored, or evaluated anew in double"},
        {"tolerance", "a finite number >= 1e-14", "krylov: error of f_t over max |y - f0|"},
        {"initial", one_of(kInitialFunctions), "f0: zero or a draw from the Gaussian process"},
        {"seed", "an integer >= 0", "of the draw"}}},
      {"dynamics.times", time_grid()},
      {"dynamics.steps", step_grid()},
      {"posterior",
       {{"times",
         "\"infinity\", a list of ascending numbers >= 0, the last perhaps inf, or { start, stop, "
         "count, spacing }",
         "when the law of f_t at the test points is taken"},
        {"time_unit", one_of(kTimeUnits), "times are multiples of 1/lambda_max(K/N), or of 1"},
        {"training", one_of(kTrainedLayers),
         "which layers move; absent: all for the NTK, the last for the NNGP kernel"},
        {"covariance", "true | false", "also the covariances between test points"},
        {"quantiles", "a list of at most 1000 ascending numbers inside (0, 1)",
         "probabilities of the quantiles to store"},
        {"samples", "an integer from 0 to 1000000", "sample paths of f_t"},
        {"seed", "an integer >= 0", "of the sample paths"}}},
      {"posterior.times", time_grid()},
      {"random_functions",
       {{"counts", "a list of 1 to 1000 ascending integers from 1 to 16777216",
         "numbers of functions of the models"},
        {"source", one_of(kFunctionSources), "what the functions are drawn from"},
        {"width", "an integer from 1 to 16777216", "network: hidden units of each function"},
        {"draws", "an integer from 1 to 1000", "independent repetitions"},
        {"seed", "an integer >= 0", "of the functions"}}},
      {"spectrum",
       {{"count", "\"all\" or an integer >= 1", "leading eigenpairs to store"},
        {"vectors", "true | false", "store eigenvectors as well"},
        {"method", one_of(kSpectrumMethods),
         "all eigenpairs from one eigensolve, or the leading ones from products"},
        {"tolerance", "a number from 1e-14 to 1e-2",
         "lanczos, power: of |K v - lambda v|/lambda_max"},
        {"seed", "an integer >= 0", "lanczos, power: of the random start"},
        {"effective_dimension",
         "a list of ascending finite numbers > 0, or { start, stop, count, spacing }",
         "absolute ridges at which the effective dimension is taken; absent: 1e-6 to 1 lambda_max"},
        {"times", "a list of ascending finite numbers >= 0, or { start, stop, count, spacing }",
         "of the learning curves of modes, multiples of 1/lambda_max(K/N)"},
        {"modes", "an integer from 0 to 100000", "leading modes with a learning curve"},
        {"loss", "a list of ascending finite numbers > 0",
         "training losses to which steps of gradient descent are predicted"},
        {"learning_rate", "a finite number > 0 and < 2",
         "of these steps, a multiple of 1/lambda_max(K/N)"},
        {"projections", "an integer >= 0", "components of kernel PCA to project samples on"},
        {"centre", "true | false", "kernel PCA of features with their mean taken off"}}},
      {"spectrum.effective_dimension", positive_ridge_grid()},
      {"spectrum.times", time_grid()},
      {"network",
       {{"widths", "a list of ascending integers >= 1", "units of a hidden layer"},
        {"draws", "an integer from 1 to 1000000", "networks of each width"},
        {"seed", "an integer >= 0", "of their initial parameters"},
        {"precision", one_of(kNetworkPrecisions), "of parameters and training"},
        {"learning_rate", "a finite number > 0", "of a step; also the time that it takes"},
        {"steps", "an integer >= 0", "steps of training on all samples"},
        {"method", one_of(kTrainingMethods), "gradient descent, or its flow by Heun's method"},
        {"unstable", one_of(kUnstableRates), "a learning rate beyond the stable limit"}}},
      {"experiment",
       {{"name", one_of(kStudies), "the study; absent: as on the command line"},
        {"kernels", "a list of tables { activation, weight_variance, bias_variance }",
         "boolean-cube, sphere, depth: the kernels that are compared, instead of [kernel]"},
        {"dimensions",
         "a list of ascending integers, of boolean-cube from 1 to 256, of sphere from 2 to 1000, "
         "of "
         "sample-complexity from 2 to 4096",
         "boolean-cube, sphere, sample-complexity: of the inputs"},
        {"depths", "an integer from 1 to 1000 (boolean-cube, sphere: 1024)",
         "boolean-cube, sphere, depth: networks of 1, 2, ... so many affine layers"},
        {"degree", "an integer, of boolean-cube from 1 to 256, of sphere from 8 to 128",
         "boolean-cube, sphere: the largest of the eigenfunctions"},
        {"samples", "an integer from 1 to 1099511627776",
         "sphere: drawn in the first of the dimensions"},
        {"seed", "an integer >= 0", "sphere, early-stopping, sample-complexity: of what is random"},
        {"ridge", "a finite number >= 0; of descent a list of 1 to 1000 ascending numbers > 0",
         "depth, descent: over the mean diagonal element of the kernel matrix"},
        {"points", "an integer from 2 to 100000", "points of the circle where curves are drawn"},
        {"quantiles", "a list of 1 to 1000 ascending numbers inside (0, 1)",
         "gaussian-limit: of the limiting Gaussian"},
        {"component", "an integer >= 1", "principal-components: the one that is learned"},
        {"amplitude", "a finite number other than 0",
         "principal-components: of the target along it"},
        {"features", kPositiveText,
         "descent: numbers of random features as multiples of the training samples"},
        {"noise", "a finite number >= 0",
         "descent: standard deviation of noise on the training targets"},
        {"epsilons", kPositiveText, "finite-width-bound: distances from the limiting kernel"},
        {"confidence", "a number inside (0, 1)",
         "finite-width-bound: fraction of networks that are to be as near"},
        {"separations", "a list of 1 to 1000 ascending numbers inside (0, pi)",
         "finite-width-bound: angles between the first two samples"},
        {"rates", "a list of ascending numbers > 0, at most 4",
         "learning-rate: of descent, times 1 / lambda_max"},
        {"steps", "an integer from 1 to 1000000", "learning-rate: of descent"},
        {"label_noise", "a number >= 0 and < 1",
         "early-stopping: fraction of the training labels that become another class"},
        {"ratios", "a list of ascending numbers > 0, at most 1000", "sample-complexity: N / d^2"},
        {"test_size", "an integer from 1 to 1000000", "sample-complexity: test samples"},
        {"draws", "an integer from 1 to 1000000", "sample-complexity: training sets of a size"}}},
      {"experiment.kernels",
       {{"activation", activation_choices(), "as in [kernel]"},
        {"weight_variance", "a finite number > 0", "sigma_w^2"},
        {"bias_variance", "a finite number >= 0", "sigma_b^2 = beta^2"},
        {"preset", one_of(kPresets), "instead of the variances"}}},
      {"output",
       {{"file", kPathText, "the result file"},
        {"predictions", "true | false", "store test outputs"},
        {"gram", "true | false", "store the kernel matrices"},
        {"gram_depths", "true | false", "store the training kernel of every depth from 1 on"},
        {"model", "true | false", "store what `ntkflow predict` needs"}}},
      {"parallel",
       {{"grid", "\"auto\" or [rows, columns], two integers >= 1", "process grid"},
        {"block_size", "\"auto\" or an integer >= 1", "rows and columns of a block"},
        {"threads", "\"auto\" or an integer >= 1", "BLAS and OpenMP threads per rank"}}},
  };
}

struct Unavailable {
  std::string_view key;
  std::string_view value;
  std::string_view why;
};

constexpr std::array<Unavailable, 2> kUnavailable{{
    {"output.checkpoint", "",
     "checkpoints are not in this version; remove the key, an interrupted run starts again"},
    {"regression.solver", "pcg",
     "the conjugate-gradient solver is not in this version; use \"cholesky\""},
}};

}  // namespace

const KeySpec* TableSpec::find(std::string_view key) const {
  const auto found = std::find_if(
      keys.begin(), keys.end(), [key](const KeySpec& candidate) { return candidate.name == key; });
  return found == keys.end() ? nullptr : &*found;
}

std::vector<std::string> TableSpec::key_names() const {
  std::vector<std::string> names;
  for (const KeySpec& key : keys) {
    names.push_back(key.name);
  }
  return names;
}

const std::vector<TableSpec>& schema() {
  static const std::vector<TableSpec> tables = make_schema();
  return tables;
}

const TableSpec& table_spec(std::string_view name) {
  const auto& tables = schema();
  const auto found = std::find_if(tables.begin(), tables.end(), [name](const TableSpec& candidate) {
    return candidate.name == name;
  });
  NTKFLOW_EXPECTS(found != tables.end());
  return *found;
}

std::string_view why_unavailable(std::string_view key, std::string_view value) {
  const auto* found =
      std::find_if(kUnavailable.begin(), kUnavailable.end(), [&](const Unavailable& candidate) {
        return candidate.key == key && candidate.value == value;
      });
  return found == kUnavailable.end() ? std::string_view{} : found->why;
}

std::vector<std::string> kernel_types() {
  std::vector<std::string> names = all_names(kKernelTypes);
  for (const std::string& name : named_kernels()) {
    names.push_back(name);
  }
  return names;
}

std::vector<std::string> named_activations() {
  std::vector<std::string> names = activation_names();
  names.erase(std::remove(names.begin(), names.end(), kExpression), names.end());
  return names;
}

std::string quoted_alternatives(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "\"" : " | \"") + name + "\"";
  }
  return text;
}

}  // namespace ntkflow::config
