/* The C API from a C99 program: bare, or on any number of ranks. Exit code 0 when all holds. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/c/ronde.h"

static int failures = 0;

#define CHECK(condition)                                                                    \
  do {                                                                                      \
    if (!(condition)) {                                                                     \
      fprintf(stderr, "rank %d, line %d: %s does not hold; last error: %s\n", ronde_rank(), \
              __LINE__, #condition, ronde_last_error());                                    \
      ++failures;                                                                           \
    }                                                                                       \
  } while (0)

static void TestBeforeInit(void) {
  float value = 0;
  ronde_handle* handle = (ronde_handle*)&value;
  CHECK(strcmp(ronde_version(), "") != 0);
  CHECK(ronde_initialized() == 0);
  CHECK(ronde_rank() == -1 && ronde_size() == -1 && ronde_local_rank() == -1);
  CHECK(ronde_allreduce("x", &value, &value, 1, RONDE_FLOAT32, RONDE_SUM) ==
        RONDE_INVALID_ARGUMENT);
  CHECK(strstr(ronde_last_error(), "not initialised") != NULL);
  CHECK(ronde_barrier_async("x", &handle) == RONDE_INVALID_ARGUMENT && handle == NULL);
  CHECK(ronde_abort("x") == RONDE_INVALID_ARGUMENT);
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
  CHECK(ronde_broadcast("b", &value, 1, RONDE_INT64, ronde_size() - 1) == RONDE_OK);
  CHECK(value == ronde_size() - 1 + 5);
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
    TestModelAverage();
    TestErrorsLeaveTheJobRunning();
    CHECK(ronde_shutdown() == RONDE_OK);
    CHECK(ronde_initialized() == 0);
  }
  return failures == 0 ? 0 : 1;
}
