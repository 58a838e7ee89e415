/* Collectives from C99: allreduce, broadcast, allgather, reducescatter, alltoall, and the periodic
 * model average.
 *
 *   build/bin/02_collectives                    one process
 *   build/bin/ronderun -np 2 02_collectives     two
 *
 * Prints one line a rank; exit code 1 when a result is wrong.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "frontends/c/ronde.h"

/* A failed call or a wrong value ends the job on all ranks. */
static void Require(int holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "rank %d: %s: %s\n", ronde_rank(), what, ronde_last_error());
  ronde_abort(what);
  exit(1);
}

/* Every rank gives rank + 1 and receives 1 + 2 + ... + size. */
static float SumOfRanks(void) {
  float value = (float)(ronde_rank() + 1);
  const float expected = (float)(ronde_size() * (ronde_size() + 1) / 2);
  Require(ronde_allreduce("sum", &value, &value, 1, RONDE_FLOAT32, RONDE_SUM) == RONDE_OK,
          "allreduce");
  Require(value == expected, "sum of ranks");
  return value;
}

/* Rank 0 decides; everyone has its values. */
static void Broadcast(int32_t settings[2]) {
  settings[0] = ronde_rank() == 0 ? 42 : -1;
  settings[1] = ronde_rank() == 0 ? 7 : -1;
  Require(ronde_broadcast("settings", settings, 2, RONDE_INT32, 0) == RONDE_OK, "broadcast");
  Require(settings[0] == 42 && settings[1] == 7, "values of rank 0");
}

/* Rank r contributes r + 1 rows that hold r; nobody needs to know the others' numbers before. */
static int64_t GatherRows(void) {
  const int size = ronde_size();
  const int64_t rows = ronde_rank() + 1;
  const int64_t total = (int64_t)size * (size + 1) / 2;
  int64_t i, shape[1], next = 0;
  int rank;
  int64_t* mine = malloc((size_t)rows * sizeof *mine);
  int64_t* all = malloc((size_t)total * sizeof *all);
  ronde_handle* handle = NULL;
  Require(mine != NULL && all != NULL, "memory");
  for (i = 0; i < rows; ++i) mine[i] = ronde_rank();
  Require(ronde_allgather_async("rows", mine, &rows, 1, RONDE_INT64, &handle) == RONDE_OK &&
              ronde_wait(handle) == RONDE_OK,
          "allgather");
  Require(ronde_result_shape(handle, shape, 1) == RONDE_OK && shape[0] == total, "gathered shape");
  Require(ronde_result_copy(handle, all, (size_t)total * sizeof *all) == RONDE_OK, "copy");
  ronde_release(handle);
  for (rank = 0; rank < size; ++rank) {
    for (i = 0; i <= rank; ++i) Require(all[next++] == rank, "gathered rows");
  }
  free(mine);
  free(all);
  return total;
}

/* A sum that is dealt out in shared memory: this rank reduces the one row that it needs. */
static float ScatterSum(void) {
  const int64_t rows = ronde_size();
  void* memory = NULL;
  float* values;
  float mine;
  int64_t row;
  Require(ronde_allocate((size_t)rows * sizeof *values, &memory) == RONDE_OK, "allocate");
  values = memory;
  for (row = 0; row < rows; ++row) values[row] = (float)row;
  Require(
      ronde_reducescatter("shard", values, &mine, &rows, 1, RONDE_FLOAT32, RONDE_SUM) == RONDE_OK,
      "reducescatter");
  Require(mine == (float)(ronde_rank() * ronde_size()), "this rank's row of the sum");
  Require(ronde_free(memory) == RONDE_OK, "free");
  return mine;
}

/* Every rank sends one row to everyone, itself included: its own number. */
static void ExchangeRows(void) {
  const int64_t size = ronde_size();
  const size_t size_bytes = (size_t)size * sizeof(int64_t);
  int64_t* splits = malloc(size_bytes);
  int64_t* mine = malloc(size_bytes);
  int64_t* theirs = malloc(size_bytes);
  int64_t rank;
  Require(splits != NULL && mine != NULL && theirs != NULL, "memory");
  for (rank = 0; rank < size; ++rank) splits[rank] = 1;
  for (rank = 0; rank < size; ++rank) mine[rank] = ronde_rank();
  Require(ronde_alltoall("rows_to_all", mine, &size, 1, RONDE_INT64, splits, theirs, size_bytes,
                         NULL) == RONDE_OK,
          "alltoall");
  for (rank = 0; rank < size; ++rank) Require(theirs[rank] == rank, "exchanged rows");
  free(splits);
  free(mine);
  free(theirs);
}

/* Eight steps; each adds rank to the parameter, and after every fourth all ranks take the mean. */
static double TrainLocally(void) {
  const ronde_average_schedule schedule = {4, 0};
  const double mean_rank = (ronde_size() - 1) / 2.0;
  double parameter = 1;
  int averages = 0, performed;
  int64_t step;
  for (step = 1; step <= 8; ++step) {
    parameter += ronde_rank();
    Require(ronde_average_model("model", &parameter, 1, RONDE_FLOAT64, schedule, step,
                                &performed) == RONDE_OK,
            "model average");
    averages += performed;
  }
  Require(averages == 2, "averages after steps 4 and 8");
  Require(fabs(parameter - (1 + 8 * mean_rank)) < 1e-9, "averaged parameter");
  return parameter;
}

int main(void) {
  int32_t settings[2];
  float sum, shard;
  int64_t rows;
  double parameter;
  Require(ronde_init() == RONDE_OK, "init");
  sum = SumOfRanks();
  Broadcast(settings);
  rows = GatherRows();
  shard = ScatterSum();
  ExchangeRows();
  parameter = TrainLocally();
  printf("rank %d of %d: sum %g, settings %d %d, %d rows, shard %g, parameter %g\n", ronde_rank(),
         ronde_size(), sum, (int)settings[0], (int)settings[1], (int)rows, shard, parameter);
  return ronde_shutdown() == RONDE_OK ? 0 : 1;
}
