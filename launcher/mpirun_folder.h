#pragma once

#include <sys/types.h>

#include <string>

namespace ronde {

/// Removes what a killed mpirun (Open MPI 4.1 and 5) with this pid has left in the folder for
/// temporary files `temporary`, which mpirun itself removes at every other end. What is not there
/// is no error.
void RemoveMpirunFolder(const std::string& temporary, pid_t mpirun);

}  // namespace ronde
