#include "core/comm/transports/mpi_environment.h"

#include <atomic>
#include <string>

#include <mpi.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

std::string_view ThreadLevelName(int level) {
  switch (level) {
    case MPI_THREAD_SINGLE:
      return "MPI_THREAD_SINGLE";
    case MPI_THREAD_FUNNELED:
      return "MPI_THREAD_FUNNELED";
    default:
      return "another level";
  }
}

// Sets `*ours` when it was this call that initialised MPI.
Status Initialize(bool* ours) {
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized != 0) {
    return Status::Unavailable("MPI was finalised already and cannot be initialised again");
  }
  int initialized = 0;
  MPI_Initialized(&initialized);
  int provided = MPI_THREAD_SINGLE;
  if (initialized != 0) {
    MPI_Query_thread(&provided);
    if (provided >= MPI_THREAD_SERIALIZED) return Status::Ok();
    return Status::Unavailable(
        StrCat("the program has initialised MPI with ", ThreadLevelName(provided),
               "; the engine calls MPI from its own thread: use MPI_Init_thread with "
               "MPI_THREAD_SERIALIZED or more, or leave the initialisation to Ronde"));
  }
  const int code = MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  if (code != MPI_SUCCESS) return MpiError(code, "MPI_Init_thread");
  *ours = true;
  if (provided >= MPI_THREAD_FUNNELED) return Status::Ok();
  return Status::Unavailable("this MPI library supports no threads (MPI_THREAD_SINGLE)");
}

// The one process-wide state of the transport, because the MPI library is process-wide itself.
struct Owner {
  Owner() : initialization(Initialize(&ours)) {}
  ~Owner() {
    if (!ours || failed.load() || transports.load() > 0) return;
    int finalized = 0;
    MPI_Finalized(&finalized);
    if (finalized == 0) MPI_Finalize();
  }
  bool ours = false;
  Status initialization;
  std::atomic<bool> failed{false};
  std::atomic<int> transports{0};
};

// Destroyed at exit, before whatever MPI_Init itself has registered for exit.
Owner& TheOwner() {
  static Owner owner;
  return owner;
}

}  // namespace

Status MpiEnvironment::EnsureInitialized() { return TheOwner().initialization; }

void MpiEnvironment::SkipFinalize() { TheOwner().failed.store(true); }

void MpiEnvironment::TransportCreated() { TheOwner().transports.fetch_add(1); }

void MpiEnvironment::TransportDestroyed() { TheOwner().transports.fetch_sub(1); }

Status MpiError(int code, std::string_view function) {
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  return Status::Internal(StrCat(function, " failed: ", text));
}

}  // namespace ronde
