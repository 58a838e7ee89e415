/* An MPI program that ends badly in the way that its argument names, on rank 1; or, with
   "save FILE", that waits for SIGTERM on every rank, writes FILE.<rank>, each rank a second later
   than the one before, and ends with 143. */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mpi.h>

static void save_when_told(const char* prefix, int rank, const sigset_t* signals) {
  char path[4096];
  int signal = 0;
  snprintf(path, sizeof(path), "%s.%d", prefix, rank);
  puts("ready");
  fflush(stdout);
  if (sigwait(signals, &signal) != 0) _exit(1);
  sleep((unsigned)rank + 1);
  FILE* file = fopen(path, "w");
  if (file == NULL || fclose(file) != 0) _exit(1);
}

int main(int argc, char** argv) {
  const char* ending = argc > 1 ? argv[1] : "";
  const int saves = argc > 2 && strcmp(ending, "save") == 0;
  int rank = 0;
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  /* Before MPI_Init, so that its threads do not take the signal either. */
  if (saves) sigprocmask(SIG_BLOCK, &signals, NULL);
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 1) {
    if (strcmp(ending, "exit") == 0) _exit(3);
    if (strcmp(ending, "leave") == 0) _exit(0);
    if (strcmp(ending, "kill") == 0) raise(SIGKILL);
    if (strcmp(ending, "segv") == 0) raise(SIGSEGV);
    if (strcmp(ending, "abort") == 0) MPI_Abort(MPI_COMM_WORLD, 7);
  }
  if (saves) save_when_told(argv[2], rank, &signals);
  if (!saves && ending[0] != '\0') sleep(30);
  MPI_Finalize();
  return saves ? 143 : 0;
}
