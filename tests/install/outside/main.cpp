#include <iostream>

#include <ntkflow/dist/communicator.hpp>
#include <ntkflow/dist/mpi_session.hpp>
#include <ntkflow/kernel/kernel_evaluator.hpp>

int main(int argc, char** argv) {
  const ntkflow::MpiSession session(argc, argv);
  const auto world = ntkflow::Communicator::world();
  const ntkflow::KernelEvaluator<double> kernel(
      {.depth = 2, .weight_variance = 2.0, .bias_variance = 0.0}, 1);
  std::cout << world.size() << " " << kernel.diagonal(1.0, ntkflow::KernelType::ntk) << "\n";
}
