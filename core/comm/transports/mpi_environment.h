#pragma once

#include <string_view>

#include "core/base/status.h"

namespace ronde {

/// The process-lifetime owner of the MPI library. MPI cannot be initialised twice, so ending a job
/// leaves it up; it is finalised at exit, and only if it was initialised here.
///
/// MPI_Finalize waits for the other ranks. After a failure, or while a transport is still alive, it
/// is skipped: the exit code then reaches the launcher at once, which ends the job.
///
/// Threads: the engine's thread makes all MPI calls, and it is not the thread that initialised MPI;
/// so SERIALIZED is asked for. FUNNELED is accepted from libraries that give no more: nothing else
/// in the process calls MPI then. Where the program has initialised MPI itself, its own calls and
/// ours come from two threads, and less than SERIALIZED is refused.
class MpiEnvironment {
 public:
  /// Initialises MPI on the first call. Error: kUnavailable.
  [[nodiscard]] static Status EnsureInitialized();
  /// After a failure of the job: finalising could wait for dead ranks.
  static void SkipFinalize();
  /// A transport lives: finalising must wait until it is gone.
  static void TransportCreated();
  static void TransportDestroyed();
};

/// kInternal with the library's own text, for the return code of an MPI function.
[[nodiscard]] Status MpiError(int code, std::string_view function);

}  // namespace ronde
