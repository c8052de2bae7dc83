#pragma once

#include <ntkflow/dist/communicator.hpp>

#include "command_line.hpp"

namespace ntkflow::app {

// The commands. Each is collective over comm, prints what the user asked for, and throws an Error
// for what the world or the mathematics refuses.
void run(const Communicator& comm, const CommandLine& line);
void gram(const Communicator& comm, const CommandLine& line);
void plan(const Communicator& comm, const CommandLine& line);
void predict(const Communicator& comm, const CommandLine& line);
void experiment(const Communicator& comm, const CommandLine& line);
void show(const Communicator& comm, const CommandLine& line);
void info(const Communicator& comm, const CommandLine& line);

}  // namespace ntkflow::app
