/* The C API from a C99 program: bare, or on any number of ranks. Exit code 0 when all holds. */
#include "tests/frontends/c/c_api_test.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int failures = 0;

static void TestBeforeInit(void) {
  float value = 0;
  ronde_handle* handle = (ronde_handle*)&value;
  CHECK(strcmp(ronde_version(), "") != 0);
  CHECK(ronde_initialized() == 0);
  CHECK(ronde_rank() == -1 && ronde_size() == -1 && ronde_local_rank() == -1);
  CHECK(ronde_local_size() == -1 && ronde_cross_rank() == -1 && ronde_cross_size() == -1);
  CHECK(ronde_allreduce("x", &value, &value, 1, RONDE_FLOAT32, RONDE_SUM) ==
        RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "not initialised") != NULL);
  CHECK(ronde_barrier_async("x", &handle) == RONDE_INVALID_ARGUMENT && handle == NULL);
  CHECK(ronde_allocate(1, (void**)&handle) == RONDE_INVALID_ARGUMENT && handle == NULL);
  CHECK(ronde_abort("x") == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_process_set_size(0) == -1 && ronde_process_set_rank(0) == -1);
  CHECK(ronde_join(NULL) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_metrics_text(NULL, 0, NULL) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_shutdown() == RONDE_OK);
}

static void TestRanks(void) {
  CHECK(ronde_initialized() == 1);
  CHECK(ronde_init() == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_rank() >= 0 && ronde_rank() < ronde_size());
  CHECK(ronde_local_rank() >= 0 && ronde_local_rank() < ronde_local_size());
  CHECK(ronde_cross_rank() >= 0 && ronde_cross_rank() < ronde_cross_size());
  CHECK(ronde_job_status() == RONDE_OK);
}

static void TestAllreduce(void) {
  const int size = ronde_size();
  double data[100];
  int32_t whole[3];
  int i;
  for (i = 0; i < 100; ++i) data[i] = ronde_rank() + i;
  for (i = 0; i < 3; ++i) whole[i] = ronde_rank() + 1;
  CHECK(ronde_allreduce("data", data, data, 100, RONDE_FLOAT64, RONDE_AVERAGE) == RONDE_OK);
  for (i = 0; i < 100; ++i) CHECK(fabs(data[i] - ((size - 1) / 2.0 + i)) < 1e-12);
  CHECK(ronde_allreduce("whole", whole, whole, 3, RONDE_INT32, RONDE_MAX) == RONDE_OK);
  for (i = 0; i < 3; ++i) CHECK(whole[i] == size);
  CHECK(ronde_allreduce("empty", NULL, NULL, 0, RONDE_FLOAT32, RONDE_SUM) == RONDE_OK);
}

static void CountCalls(void* context, ronde_status status, const char* message) {
  int* calls = (int*)context;
  if (status == RONDE_OK && message[0] == '\0') ++*calls;
}

/* Submits in opposite orders on even and odd ranks. */
static void TestAsync(void) {
  enum { kTensors = 10 };
  float tensors[kTensors][64];
  ronde_handle* handles[kTensors];
  int calls[kTensors] = {0};
  char name[16];
  int i;
  int k;
  for (i = 0; i < kTensors; ++i) {
    for (k = 0; k < 64; ++k) tensors[i][k] = (float)(i + 1);
  }
  for (i = 0; i < kTensors; ++i) {
    const int tensor = ronde_rank() % 2 == 0 ? i : kTensors - 1 - i;
    snprintf(name, sizeof(name), "t%d", tensor);
    CHECK(ronde_allreduce_async(name, tensors[tensor], tensors[tensor], 64, RONDE_FLOAT32,
                                RONDE_SUM, 2.0, 0.5, &handles[tensor]) == RONDE_OK);
    CHECK(ronde_on_complete(handles[tensor], CountCalls, &calls[tensor]) == RONDE_OK);
  }
  for (i = 0; i < kTensors; ++i) {
    int completed = 0;
    CHECK(ronde_wait(handles[i]) == RONDE_OK);
    CHECK(ronde_wait_for(handles[i], 0) == RONDE_OK);
    CHECK(ronde_poll(handles[i], &completed) == RONDE_OK && completed == 1);
    for (k = 0; k < 64; ++k) CHECK(tensors[i][k] == (float)(ronde_size() * (i + 1)));
    ronde_release(handles[i]);
  }
  /* Callbacks of the last batch may still be running: the barrier's completion is behind them. */
  CHECK(ronde_barrier() == RONDE_OK);
  for (i = 0; i < kTensors; ++i) CHECK(calls[i] == 1);
  ronde_release(NULL);
}

static void TestBroadcast(void) {
  int64_t value = ronde_rank() + 5;
  ronde_handle* handle = NULL;
  CHECK(ronde_broadcast("b", &value, 1, RONDE_INT64, ronde_size() - 1) == RONDE_OK);
  CHECK(value == ronde_size() - 1 + 5);
  value = ronde_rank() + 5;
  CHECK(ronde_broadcast_async("b", &value, 1, RONDE_INT64, 0, &handle) == RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK && value == 5);
  CHECK(ronde_broadcast("b", &value, 1, RONDE_INT64, ronde_size()) == RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "root") != NULL);
}

/* Rank r contributes r + 1 rows of two. */
static void TestAllgather(void) {
  const int size = ronde_size();
  const int rank = ronde_rank();
  const int rows = size * (size + 1) / 2;
  const int64_t shape[2] = {rank + 1, 2};
  int32_t* mine = malloc((size_t)(rank + 1) * 2 * sizeof(int32_t));
  int32_t* all = malloc((size_t)rows * 2 * sizeof(int32_t));
  int64_t* extents = malloc((size_t)size * sizeof(int64_t));
  int64_t result_shape[2] = {0, 0};
  ronde_handle* handle = NULL;
  size_t size_bytes = 0;
  int dimensions = 0;
  int r;
  int i;
  int at = 0;
  for (i = 0; i < 2 * (rank + 1); ++i) mine[i] = rank;
  CHECK(ronde_allgather_async("g", mine, shape, 2, RONDE_INT32, &handle) == RONDE_OK);
  CHECK(ronde_wait(handle) == RONDE_OK);
  CHECK(ronde_result_size(handle, &dimensions, &size_bytes) == RONDE_OK);
  CHECK(dimensions == 2 && size_bytes == (size_t)rows * 2 * sizeof(int32_t));
  CHECK(ronde_result_shape(handle, result_shape, 1) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_result_shape(handle, result_shape, 2) == RONDE_OK);
  CHECK(result_shape[0] == rows && result_shape[1] == 2);
  CHECK(ronde_result_rank_extents(handle, extents, size) == RONDE_OK);
  CHECK(ronde_result_copy(handle, all, size_bytes - 1) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_result_copy(handle, all, size_bytes) == RONDE_OK);
  for (r = 0; r < size; ++r) {
    CHECK(extents[r] == r + 1);
    for (i = 0; i < 2 * (r + 1); ++i) CHECK(all[at++] == r);
  }
  ronde_release(handle);
  free(extents);
  free(all);
  free(mine);
}

/* The same rows from everyone, into memory that the ranks share, which outlives its use. */
static void TestAllgatherInto(void) {
  const int size = ronde_size();
  const int64_t shape[2] = {100, 2};
  const size_t own = 200;
  const size_t all = own * (size_t)size;
  void* memory = NULL;
  ronde_handle* handle = NULL;
  float* output;
  float* mine;
  size_t i;
  CHECK(ronde_allocate(all * sizeof(float), NULL) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_allocate(all * sizeof(float), &memory) == RONDE_OK && memory != NULL);
  output = memory;
  CHECK(output[0] == 0 && output[all - 1] == 0);
  mine = output + own * (size_t)ronde_rank();
  for (i = 0; i < own; ++i) mine[i] = (float)ronde_rank();
  CHECK(ronde_allgather_into("into", mine, output, shape, 2, RONDE_FLOAT32) == RONDE_OK);
  for (i = 0; i < all; ++i) CHECK(output[i] == (float)(i / own));
  CHECK(ronde_allgather_into_async("into", mine, output, shape, 2, RONDE_FLOAT32, &handle) ==
        RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK && output[all - 1] == (float)(size - 1));
  CHECK(ronde_allreduce("registered", output, output, (int64_t)all, RONDE_FLOAT32, RONDE_SUM) ==
        RONDE_OK);
  for (i = 0; i < all; ++i) CHECK(output[i] == (float)size * (float)(i / own));
  CHECK(ronde_free(output + 1) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_free(memory) == RONDE_OK);
  CHECK(ronde_free(memory) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_free(NULL) == RONDE_OK);
  CHECK(ronde_allocate(1, &memory) == RONDE_OK); /* ronde_shutdown frees it */
  CHECK(ronde_allgather_into("into", NULL, NULL, shape, -1, RONDE_FLOAT32) ==
        RONDE_INVALID_ARGUMENT);
}

/* size + 1 rows of two: two rows for rank 0, one for everyone else. */
static void TestReducescatter(void) {
  const int size = ronde_size();
  const int rank = ronde_rank();
  const int64_t shape[2] = {size + 1, 2};
  const int first = rank == 0 ? 0 : rank + 1;
  const int rows = rank == 0 ? 2 : 1;
  float* input = malloc((size_t)(size + 1) * 2 * sizeof(float));
  float output[4] = {-1, -1, -1, -1};
  ronde_handle* handle = NULL;
  int i;
  for (i = 0; i < 2 * (size + 1); ++i) input[i] = (float)(rank + i / 2);
  CHECK(ronde_reducescatter("rs", input, output, shape, 2, RONDE_FLOAT32, RONDE_AVERAGE) ==
        RONDE_OK);
  for (i = 0; i < 2 * rows; ++i) {
    CHECK(fabs(output[i] - ((size - 1) / 2.0 + first + i / 2)) < 1e-6);
  }
  CHECK(rank == 0 || output[2] == -1);
  CHECK(ronde_reducescatter_async("rs", input, output, shape, 2, RONDE_FLOAT32, RONDE_SUM, 1.0, 2.0,
                                  &handle) == RONDE_OK);
  CHECK(ronde_wait(handle) == RONDE_OK);
  CHECK(output[0] == (float)(size * (size - 1) + 2 * size * first));
  ronde_release(handle);
  CHECK(ronde_reducescatter("rs", input, output, NULL, 0, RONDE_FLOAT32, RONDE_SUM) ==
        RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "scalar") != NULL);
  free(input);
}

/* Rank r sends `to` + 1 rows to rank `to`, so that everyone gets its own number from all. */
static void TestAlltoall(void) {
  const int size = ronde_size();
  const int rank = ronde_rank();
  const int64_t rows = size * (size + 1) / 2;
  const int received = size * (rank + 1);
  int32_t* input = malloc((size_t)rows * sizeof(int32_t));
  int32_t* output = malloc((size_t)received * sizeof(int32_t));
  int64_t* splits = malloc((size_t)size * sizeof(int64_t));
  int64_t* extents = malloc((size_t)size * sizeof(int64_t));
  const size_t size_bytes = (size_t)received * sizeof(int32_t);
  ronde_handle* handle = NULL;
  size_t result_bytes = 0;
  int r;
  int i;
  int at = 0;
  for (r = 0; r < size; ++r) {
    splits[r] = r + 1;
    for (i = 0; i <= r; ++i) input[at++] = 10 * rank + r;
  }
  CHECK(ronde_alltoall("a2a", input, &rows, 1, RONDE_INT32, splits, output, size_bytes, extents) ==
        RONDE_OK);
  for (i = 0; i < received; ++i) CHECK(output[i] == 10 * (i / (rank + 1)) + rank);
  for (r = 0; r < size; ++r) CHECK(extents[r] == rank + 1);
  CHECK(ronde_alltoall("a2a", input, &rows, 1, RONDE_INT32, splits, output, size_bytes - 1, NULL) ==
        RONDE_INVALID_ARGUMENT);
  CHECK(ronde_alltoall_async("a2a", input, &rows, 1, RONDE_INT32, splits, &handle) == RONDE_OK);
  CHECK(ronde_wait(handle) == RONDE_OK);
  CHECK(ronde_result_size(handle, NULL, &result_bytes) == RONDE_OK && result_bytes == size_bytes);
  CHECK(ronde_result_rank_extents(handle, extents, size) == RONDE_OK && extents[0] == rank + 1);
  ronde_release(handle);
  /* One rank's mistake is everyone's error. */
  splits[0] += rank == size - 1 ? 1 : 0;
  CHECK(ronde_alltoall("a2a", input, &rows, 1, RONDE_INT32, splits, output, size_bytes, NULL) ==
        RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "splits") != NULL);
  CHECK(ronde_alltoall("a2a", input, &rows, 1, RONDE_INT32, NULL, output, size_bytes, NULL) ==
        RONDE_INVALID_ARGUMENT);
  free(extents);
  free(splits);
  free(output);
  free(input);
}

/* H = 3 counted from step 2: averages after steps 5 and 8. */
static void TestModelAverage(void) {
  const ronde_average_schedule schedule = {3, 2};
  const ronde_average_schedule senseless = {0, 0};
  double parameters[4];
  ronde_handle* handle = NULL;
  int performed = -1;
  int64_t step;
  int i;
  for (step = 1; step <= 9; ++step) {
    const int due = step == 5 || step == 8;
    const double mean = (ronde_size() - 1) / 2.0 + (double)step;
    for (i = 0; i < 4; ++i) parameters[i] = ronde_rank() + (double)step;
    CHECK(ronde_average_model("model", parameters, 4, RONDE_FLOAT64, schedule, step, &performed) ==
          RONDE_OK);
    CHECK(performed == due);
    for (i = 0; i < 4; ++i) CHECK(parameters[i] == (due ? mean : ronde_rank() + (double)step));
  }
  CHECK(ronde_average_model_async("model", parameters, 4, RONDE_FLOAT64, schedule, 11, &handle) ==
        RONDE_OK);
  CHECK(ronde_wait(handle) == RONDE_OK);
  CHECK(ronde_performed(handle, &performed) == RONDE_OK && performed == 1);
  ronde_release(handle);
  CHECK(ronde_average_model("model", parameters, 4, RONDE_FLOAT64, senseless, 1, NULL) ==
        RONDE_INVALID_ARGUMENT);
}

static void TestErrorsLeaveTheJobRunning(void) {
  float data[4] = {1, 1, 1, 1};
  ronde_handle* handle = NULL;
  int completed = 1;
  CHECK(ronde_allreduce(NULL, data, data, 4, RONDE_FLOAT32, RONDE_SUM) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_allreduce("e", data, NULL, 4, RONDE_FLOAT32, RONDE_SUM) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_allreduce("e", data, data, 4, 77, RONDE_SUM) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_allreduce("e", data, data, 4, RONDE_FLOAT32, 77) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_wait(NULL) == RONDE_INVALID_ARGUMENT);
  if (ronde_size() > 1) {
    const int64_t count = ronde_rank() == 0 ? 4 : 3;
    CHECK(ronde_allreduce("m", data, data, count, RONDE_FLOAT32, RONDE_SUM) == RONDE_MISMATCH);
    CHECK(strstr(ronde_last_error(), "'m'") != NULL);
    /* Rank 0 waits for a name that the others submit only after the next barrier. */
    if (ronde_rank() == 0) {
      CHECK(ronde_allreduce_async("late", data, data, 4, RONDE_FLOAT32, RONDE_SUM, 1, 1, &handle) ==
            RONDE_OK);
      CHECK(ronde_wait_for(handle, 0.01) == RONDE_TIMEOUT);
      CHECK(ronde_poll(handle, &completed) == RONDE_OK && completed == 0);
      CHECK(ronde_performed(handle, &completed) == RONDE_INVALID_ARGUMENT);
      CHECK(ronde_allreduce("late", data, data, 4, RONDE_FLOAT32, RONDE_SUM) ==
            RONDE_DUPLICATE_NAME);
    }
    CHECK(ronde_barrier() == RONDE_OK);
    if (ronde_rank() == 0) {
      CHECK(ronde_wait(handle) == RONDE_OK);
      ronde_release(handle);
    } else {
      CHECK(ronde_allreduce("late", data, data, 4, RONDE_FLOAT32, RONDE_SUM) == RONDE_OK);
    }
    CHECK(data[0] == (float)ronde_size());
  }
  CHECK(ronde_job_status() == RONDE_OK);
}

int main(void) {
  int round;
  TestBeforeInit();
  TestSettingsBeforeInit();
  for (round = 0; round < 2; ++round) {
    if (ronde_init() != RONDE_OK) {
      fprintf(stderr, "ronde_init: %s\n", ronde_last_error());
      return 1;
    }
    TestRanks();
    TestAllreduce();
    TestAsync();
    TestBroadcast();
    TestAllgather();
    TestAllgatherInto();
    TestReducescatter();
    TestAlltoall();
    TestModelAverage();
    TestErrorsLeaveTheJobRunning();
    TestSettings();
    TestOptions();
    TestProcessSets();
    TestGroups();
    TestJoin();
    TestObservation();
    CHECK(ronde_shutdown() == RONDE_OK);
    CHECK(ronde_initialized() == 0);
  }
  return failures == 0 ? 0 : 1;
}
