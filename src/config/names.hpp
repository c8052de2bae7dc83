#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <ntkflow/config/run_config.hpp>

// How a configuration spells the values of each enumeration: used to read, to print and to explain.
namespace ntkflow::config {

template <class Enum>
struct Named {
  std::string_view name;
  Enum value;
};

template <class Enum, std::size_t size>
using Names = std::array<Named<Enum>, size>;

inline constexpr Names<DataFormat, 4> kDataFormats{{{"idx", DataFormat::idx},
                                                    {"hdf5", DataFormat::hdf5},
                                                    {"csv", DataFormat::csv},
                                                    {"synthetic", DataFormat::synthetic}}};
inline constexpr Names<SubsetRule, 3> kSubsetRules{{{"first", SubsetRule::first},
                                                    {"random", SubsetRule::random},
                                                    {"per_class", SubsetRule::per_class}}};
inline constexpr Names<PreprocessStep, 7> kPreprocessSteps{
    {{"unit_interval", PreprocessStep::unit_interval},
     {"center", PreprocessStep::center},
     {"center_features", PreprocessStep::center_features},
     {"standardize_features", PreprocessStep::standardize_features},
     {"standardize_samples", PreprocessStep::standardize_samples},
     {"unit_norm", PreprocessStep::unit_norm},
     {"sphere", PreprocessStep::sphere}}};
inline constexpr Names<TargetEncoding, 3> kTargetEncodings{
    {{"one_hot", TargetEncoding::one_hot},
     {"class_index", TargetEncoding::class_index},
     {"raw", TargetEncoding::raw}}};
inline constexpr Names<SyntheticKind, 4> kSyntheticKinds{
    {{"circle", SyntheticKind::circle},
     {"sphere", SyntheticKind::sphere},
     {"boolean_cube", SyntheticKind::boolean_cube},
     {"gaussian", SyntheticKind::gaussian}}};
inline constexpr Names<KernelType, 2> kKernelTypes{
    {{"ntk", KernelType::ntk}, {"nngp", KernelType::nngp}}};
inline constexpr Names<Preset, 2> kPresets{{{"jacot", Preset::jacot}, {"arora", Preset::arora}}};
inline constexpr Names<EvaluationPath, 4> kEvaluationPaths{
    {{"auto", EvaluationPath::automatic},
     {"fused", EvaluationPath::fused},
     {"layered", EvaluationPath::layered},
     {"reference", EvaluationPath::reference}}};
inline constexpr Names<RidgeScale, 2> kRidgeScales{
    {{"absolute", RidgeScale::absolute}, {"mean_diagonal", RidgeScale::mean_diagonal}}};
inline constexpr Names<Precision, 4> kPrecisions{{{"double", Precision::double_precision},
                                                  {"mixed", Precision::mixed},
                                                  {"single", Precision::single_precision},
                                                  {"auto", Precision::automatic}}};
inline constexpr Names<RidgeCriterion, 3> kRidgeCriteria{
    {{"leave_one_out", RidgeCriterion::leave_one_out},
     {"gcv", RidgeCriterion::gcv},
     {"likelihood", RidgeCriterion::likelihood}}};
inline constexpr Names<RidgePathMethod, 3> kRidgePathMethods{
    {{"auto", RidgePathMethod::automatic},
     {"spectral", RidgePathMethod::spectral},
     {"krylov", RidgePathMethod::krylov}}};
inline constexpr Names<Factorization, 3> kFactorizations{{{"auto", Factorization::automatic},
                                                          {"lookahead", Factorization::lookahead},
                                                          {"scalapack", Factorization::scalapack}}};
inline constexpr Names<Optimizer, 4> kOptimizers{{{"flow", Optimizer::flow},
                                                  {"gradient_descent", Optimizer::gradient_descent},
                                                  {"heavy_ball", Optimizer::heavy_ball},
                                                  {"nesterov", Optimizer::nesterov}}};
inline constexpr Names<FlowMethod, 3> kFlowMethods{{{"spectral", FlowMethod::spectral},
                                                    {"krylov", FlowMethod::krylov},
                                                    {"auto", FlowMethod::automatic}}};
inline constexpr Names<FlowProducts, 2> kFlowProducts{
    {{"stored", FlowProducts::stored}, {"regenerated", FlowProducts::regenerated}}};
inline constexpr Names<TimeUnit, 2> kTimeUnits{
    {{"inverse_lambda_max", TimeUnit::inverse_lambda_max}, {"absolute", TimeUnit::absolute}}};
inline constexpr Names<InitialFunction, 2> kInitialFunctions{
    {{"zero", InitialFunction::zero}, {"gaussian_process", InitialFunction::gaussian_process}}};

inline constexpr Names<SpectrumMethod, 4> kSpectrumMethods{{{"auto", SpectrumMethod::automatic},
                                                            {"full", SpectrumMethod::full},
                                                            {"lanczos", SpectrumMethod::lanczos},
                                                            {"power", SpectrumMethod::power}}};
inline constexpr Names<TrainedLayers, 2> kTrainedLayers{
    {{"all_layers", TrainedLayers::all}, {"last_layer", TrainedLayers::last}}};
inline constexpr Names<Study, 12> kStudies{{{"kernel-convergence", Study::kernel_convergence},
                                            {"gaussian-limit", Study::gaussian_limit},
                                            {"principal-components", Study::principal_components},
                                            {"width-scaling", Study::width_scaling},
                                            {"boolean-cube", Study::boolean_cube},
                                            {"sphere", Study::sphere},
                                            {"learning-rate", Study::learning_rate},
                                            {"early-stopping", Study::early_stopping},
                                            {"sample-complexity", Study::sample_complexity},
                                            {"descent", Study::descent},
                                            {"finite-width-bound", Study::finite_width_bound},
                                            {"depth", Study::depth}}};
inline constexpr Names<NetworkPrecision, 2> kNetworkPrecisions{
    {{"double", NetworkPrecision::double_precision},
     {"single", NetworkPrecision::single_precision}}};
inline constexpr Names<TrainingMethod, 2> kTrainingMethods{
    {{"descent", TrainingMethod::descent}, {"flow", TrainingMethod::flow}}};
inline constexpr Names<UnstableRate, 2> kUnstableRates{
    {{"refuse", UnstableRate::refuse}, {"run", UnstableRate::run}}};

inline constexpr Names<FunctionSource, 2> kFunctionSources{
    {{"gaussian_process", FunctionSource::gaussian_process}, {"network", FunctionSource::network}}};

/// How the points of a time grid lie between its ends.
enum class Spacing { log, linear };
inline constexpr Names<Spacing, 2> kSpacings{{{"log", Spacing::log}, {"linear", Spacing::linear}}};

// A choice with one member: the configuration may name it.
enum class Solver { cholesky };
inline constexpr Names<Solver, 1> kSolvers{{{"cholesky", Solver::cholesky}}};

template <class Enum, std::size_t size>
constexpr std::string_view name_of(const Names<Enum, size>& names, Enum value) {
  for (const auto& named : names) {
    if (named.value == value) {
      return named.name;
    }
  }
  return {};
}

template <class Enum, std::size_t size>
std::vector<std::string> all_names(const Names<Enum, size>& names) {
  std::vector<std::string> all;
  for (const auto& named : names) {
    all.emplace_back(named.name);
  }
  return all;
}

}  // namespace ntkflow::config
