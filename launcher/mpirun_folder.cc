#include "launcher/mpirun_folder.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "core/base/strcat.h"
#include "launcher/host_lookup.h"

namespace ronde {

void RemoveMpirunFolder(const std::string& temporary, pid_t mpirun) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path root = temporary.empty() ? "/tmp" : temporary;
  // Open MPI 4.1: ompi.HOST.UID/pid.PID. The outer one stays while other jobs use it.
  const fs::path jobs = root / StrCat("ompi.", OwnHostName(), ".", geteuid());
  fs::remove_all(jobs / StrCat("pid.", mpirun), ignored);
  fs::remove(jobs, ignored);
  // Open MPI 5: prterun.HOST.PID.UID, or prte in place of prterun.
  for (const char* name : {"prterun.", "prte."}) {
    fs::remove_all(root / StrCat(name, OwnHostName(), ".", mpirun, ".", geteuid()), ignored);
  }
}

}  // namespace ronde
