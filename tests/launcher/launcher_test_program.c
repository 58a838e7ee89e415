/* An MPI program that ends badly in the way that its argument names, on rank 1. */

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mpi.h>

int main(int argc, char** argv) {
  const char* ending = argc > 1 ? argv[1] : "";
  int rank = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 1) {
    if (strcmp(ending, "exit") == 0) _exit(3);
    if (strcmp(ending, "leave") == 0) _exit(0);
    if (strcmp(ending, "kill") == 0) raise(SIGKILL);
    if (strcmp(ending, "segv") == 0) raise(SIGSEGV);
    if (strcmp(ending, "abort") == 0) MPI_Abort(MPI_COMM_WORLD, 7);
  }
  if (ending[0] != '\0') sleep(30);
  MPI_Finalize();
  return 0;
}
