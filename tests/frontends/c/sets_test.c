/* Options, process sets, and join. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/frontends/c/c_api_test.h"

ronde_status Finish(ronde_handle* handle) {
  const ronde_status status = ronde_wait(handle);
  ronde_release(handle);
  return status;
}

void TestOptions(void) {
  struct {
    ronde_options options;
    uint64_t more;
  } newer = {RONDE_OPTIONS_INIT, 0};
  ronde_options options = RONDE_OPTIONS_INIT;
  ronde_handle* handle = (ronde_handle*)&options;
  const float mean = (float)(ronde_size() - 1) / 2;
  float value = (float)ronde_rank();
  CHECK(ronde_allreduce_with("o", &value, &value, 1, RONDE_FLOAT32, NULL) == RONDE_OK);
  CHECK(value == mean);
  options.op = RONDE_SUM;
  options.prescale = 2;
  options.postscale = 3;
  CHECK(ronde_allreduce_with("o", &value, &value, 1, RONDE_FLOAT32, &options) == RONDE_OK);
  CHECK(value == 6 * (float)ronde_size() * mean);
  newer.options.struct_size = sizeof(newer);
  CHECK(ronde_allreduce_with("o", &value, &value, 1, RONDE_FLOAT32, &newer.options) == RONDE_OK);
  newer.more = 1;
  CHECK(ronde_allreduce_with("o", &value, &value, 1, RONDE_FLOAT32, &newer.options) ==
        RONDE_UNAVAILABLE);
  options.struct_size = 0;
  CHECK(ronde_allreduce_with_async("o", &value, &value, 1, RONDE_FLOAT32, &options, &handle) ==
        RONDE_INVALID_ARGUMENT);
  CHECK(handle == NULL && strstr(ronde_last_error(), "RONDE_OPTIONS_INIT") != NULL);
}

/* Every operation in `options->process_set`, blocking and not, where it has `size` ranks. */
static void RunInSet(const ronde_options* options, int rank, int size) {
  const ronde_average_schedule always = {1, 0};
  const int64_t one = 1;
  const int64_t rows = size;
  const size_t bytes = (size_t)size * sizeof(int64_t);
  ronde_handle* handle = NULL;
  double value = rank;
  int64_t mine = rank;
  int64_t* all = malloc(bytes);
  int64_t* splits = malloc(bytes);
  int performed = 0;
  int i;

  CHECK(ronde_allreduce_with("a", &value, &value, 1, RONDE_FLOAT64, options) == RONDE_OK);
  CHECK(value == (size - 1) / 2.0);
  CHECK(ronde_allreduce_with_async("a", &value, &value, 1, RONDE_FLOAT64, options, &handle) ==
        RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK && value == (size - 1) / 2.0);

  value = rank;
  CHECK(ronde_broadcast_with("b", &value, 1, RONDE_FLOAT64, size - 1, options) == RONDE_OK);
  CHECK(value == size - 1);
  CHECK(ronde_broadcast_with_async("b", &value, 1, RONDE_FLOAT64, 0, options, &handle) == RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK);

  CHECK(ronde_allgather_with_async("g", &mine, &one, 1, RONDE_INT64, options, &handle) == RONDE_OK);
  CHECK(ronde_wait(handle) == RONDE_OK && ronde_result_copy(handle, all, bytes) == RONDE_OK);
  ronde_release(handle);
  for (i = 0; i < size; ++i) CHECK(all[i] == i);
  memset(all, 0, bytes);
  CHECK(ronde_allgather_into_with("g", &mine, all, &one, 1, RONDE_INT64, options) == RONDE_OK);
  for (i = 0; i < size; ++i) CHECK(all[i] == i);
  CHECK(ronde_allgather_into_with_async("g", &mine, all, &one, 1, RONDE_INT64, options, &handle) ==
        RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK);

  CHECK(ronde_reducescatter_with("r", all, &mine, &rows, 1, RONDE_INT64, options) == RONDE_OK);
  CHECK(mine == rank);
  CHECK(ronde_reducescatter_with_async("r", all, &mine, &rows, 1, RONDE_INT64, options, &handle) ==
        RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK && mine == rank);

  for (i = 0; i < size; ++i) splits[i] = 1;
  CHECK(ronde_alltoall_with("x", all, &rows, 1, RONDE_INT64, splits, all, bytes, NULL, options) ==
        RONDE_OK);
  for (i = 0; i < size; ++i) CHECK(all[i] == rank);
  CHECK(ronde_alltoall_with_async("x", all, &rows, 1, RONDE_INT64, splits, options, &handle) ==
        RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK);

  CHECK(ronde_barrier_with(options) == RONDE_OK);
  CHECK(ronde_barrier_with_async("in the set", options, &handle) == RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK);

  value = rank;
  CHECK(ronde_average_model_with("m", &value, 1, RONDE_FLOAT64, always, 1, &performed, options) ==
        RONDE_OK);
  CHECK(performed == 1 && value == (size - 1) / 2.0);
  CHECK(ronde_average_model_with_async("m", &value, 1, RONDE_FLOAT64, always, 2, options,
                                       &handle) == RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK);
  free(splits);
  free(all);
}

/* The first and the last rank. */
static void TestTwoRanks(void) {
  const int last = ronde_size() - 1;
  const int ranks[2] = {0, last};
  const int count = last > 0 ? 2 : 1;
  ronde_options options = RONDE_OPTIONS_INIT;
  int members[2] = {-1, -1};
  int process_set = -1;
  int rank;
  CHECK(ronde_process_set_add(ranks, count, &process_set) == RONDE_OK && process_set > 0);
  CHECK(ronde_process_set_size(process_set) == count);
  CHECK(ronde_process_set_ranks(process_set, members, 2) == RONDE_OK);
  CHECK(members[0] == 0 && members[count - 1] == last);
  CHECK(ronde_process_set_ranks(process_set, members, 0) == RONDE_INVALID_ARGUMENT);
  rank = ronde_process_set_rank(process_set);
  CHECK(rank == (ronde_rank() == 0 ? 0 : ronde_rank() == last ? 1 : -1));
  options.process_set = process_set;
  if (rank >= 0) {
    RunInSet(&options, rank, count);
  } else {
    CHECK(ronde_barrier_with(&options) == RONDE_INVALID_ARGUMENT);
    CHECK(strstr(ronde_last_error(), "is not in process set") != NULL);
  }
  CHECK(ronde_process_set_remove(process_set) == RONDE_OK);
  CHECK(ronde_process_set_size(process_set) == -1);
  CHECK(ronde_barrier_with(&options) == RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "has been removed") != NULL);
}

void TestProcessSets(void) {
  ronde_options everyone = RONDE_OPTIONS_INIT;
  const int no_rank = ronde_size();
  int process_set = -1;
  CHECK(ronde_process_set_size(0) == ronde_size());
  CHECK(ronde_process_set_rank(0) == ronde_rank());
  RunInSet(&everyone, ronde_rank(), ronde_size());
  TestTwoRanks();
  CHECK(ronde_process_set_add(&no_rank, 1, &process_set) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_process_set_add(&no_rank, 0, &process_set) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_process_set_add(&no_rank, 1, NULL) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_process_set_remove(99) == RONDE_INVALID_ARGUMENT);
  CHECK(process_set == -1);
}

/* Rank r has r more steps than rank 0. */
void TestJoin(void) {
  ronde_handle* handle = NULL;
  int last = -1;
  int step;
  for (step = 0; step < ronde_rank(); ++step) {
    char name[16];
    float value = 1;
    snprintf(name, sizeof(name), "step%d", step);
    CHECK(ronde_allreduce(name, &value, &value, 1, RONDE_FLOAT32, RONDE_SUM) == RONDE_OK);
    CHECK(value == (float)(ronde_size() - 1 - step));
  }
  CHECK(ronde_join(&last) == RONDE_OK);
  CHECK(last == ronde_size() - 1);
  CHECK(ronde_join_async(&handle) == RONDE_OK);
  CHECK(ronde_wait(handle) == RONDE_OK);
  last = -1;
  CHECK(ronde_result_last_joined(handle, &last) == RONDE_OK && last >= 0 && last < ronde_size());
  ronde_release(handle);
}
