/* Groups. */
#include <stdlib.h>
#include <string.h>

#include "tests/frontends/c/c_api_test.h"

static void TestGroupedAllreduce(void) {
  const int size = ronde_size();
  const int64_t shape[2] = {2, 3};
  float floats[6];
  int64_t whole = ronde_rank();
  ronde_tensor tensors[2] = {{NULL, NULL, NULL, 2, RONDE_FLOAT32},
                             {NULL, NULL, NULL, 0, RONDE_INT64}};
  ronde_options sum = RONDE_OPTIONS_INIT;
  ronde_handle* handle = NULL;
  int i;
  sum.op = RONDE_SUM;
  for (i = 0; i < 6; ++i) floats[i] = (float)i;
  tensors[0].input = tensors[0].output = floats;
  tensors[0].shape = shape;
  tensors[1].input = tensors[1].output = &whole;
  CHECK(ronde_grouped_allreduce("group", tensors, 2, &sum) == RONDE_OK);
  for (i = 0; i < 6; ++i) CHECK(floats[i] == (float)(size * i));
  CHECK(whole == (int64_t)size * (size - 1) / 2);
  CHECK(ronde_grouped_allreduce_async("group", tensors, 1, NULL, &handle) == RONDE_OK);
  CHECK(Finish(handle) == RONDE_OK);
  for (i = 0; i < 6; ++i) CHECK(floats[i] == (float)(size * i));
  CHECK(ronde_grouped_allreduce("group", tensors, 0, &sum) == RONDE_INVALID_ARGUMENT);
  CHECK(ronde_grouped_allreduce("group", NULL, 1, &sum) == RONDE_INVALID_ARGUMENT);
}

/* Rank r has r rows of the first member, and one of the second. */
static void TestGroupedAllgather(void) {
  const int size = ronde_size();
  const int64_t shape[2] = {ronde_rank(), 1};
  int32_t* mine = malloc((size_t)size * sizeof(int32_t));
  int32_t* all = malloc((size_t)size * sizeof(int32_t));
  ronde_tensor tensors[2] = {{NULL, NULL, NULL, 1, RONDE_INT32},
                             {NULL, NULL, NULL, 1, RONDE_INT32}};
  ronde_handle* handles[2] = {NULL, NULL};
  size_t bytes = 0;
  int i;
  for (i = 0; i < size; ++i) mine[i] = ronde_rank();
  tensors[0].input = tensors[1].input = mine;
  tensors[0].shape = &shape[0];
  tensors[1].shape = &shape[1];
  CHECK(ronde_grouped_allgather_async("group", tensors, 2, NULL, handles) == RONDE_OK);
  for (i = 0; i < 2; ++i) {
    CHECK(ronde_wait(handles[i]) == RONDE_OK);
    CHECK(ronde_result_size(handles[i], NULL, &bytes) == RONDE_OK);
    CHECK(bytes == (size_t)(i == 0 ? size * (size - 1) / 2 : size) * sizeof(int32_t));
    ronde_release(handles[i]);
  }
  tensors[1].output = all;
  CHECK(ronde_grouped_allgather_into("group", &tensors[1], 1, NULL) == RONDE_OK);
  for (i = 0; i < size; ++i) CHECK(all[i] == i);
  memset(all, 0, (size_t)size * sizeof(int32_t));
  CHECK(ronde_grouped_allgather_into_async("group", &tensors[1], 1, NULL, handles) == RONDE_OK);
  CHECK(Finish(handles[0]) == RONDE_OK && all[size - 1] == size - 1);
  tensors[1].dimensions = -1;
  CHECK(ronde_grouped_allgather_async("group", tensors, 2, NULL, handles) ==
        RONDE_INVALID_ARGUMENT);
  CHECK(handles[0] == NULL && handles[1] == NULL);
  free(all);
  free(mine);
}

static void TestGroupedReducescatter(void) {
  const int size = ronde_size();
  const int64_t rows = size;
  float* whole = malloc((size_t)size * sizeof(float));
  float row[2] = {-1, -1};
  ronde_tensor tensors[2];
  ronde_handle* handles[2] = {NULL, NULL};
  int i;
  for (i = 0; i < size; ++i) whole[i] = (float)i;
  for (i = 0; i < 2; ++i) {
    const ronde_tensor tensor = {whole, &row[i], &rows, 1, RONDE_FLOAT32};
    tensors[i] = tensor;
  }
  CHECK(ronde_grouped_reducescatter("group", tensors, 2, NULL) == RONDE_OK);
  CHECK(row[0] == (float)ronde_rank() && row[1] == (float)ronde_rank());
  row[1] = -1;
  CHECK(ronde_grouped_reducescatter_async("group", tensors, 2, NULL, handles) == RONDE_OK);
  CHECK(Finish(handles[0]) == RONDE_OK && Finish(handles[1]) == RONDE_OK);
  CHECK(row[1] == (float)ronde_rank());
  /* Members fail together. */
  tensors[1].output = NULL;
  CHECK(ronde_grouped_reducescatter_async("group", tensors, 2, NULL, handles) == RONDE_OK);
  for (i = 0; i < 2; ++i) CHECK(Finish(handles[i]) == RONDE_INVALID_ARGUMENT);
  free(whole);
}

void TestGroups(void) {
  TestGroupedAllreduce();
  TestGroupedAllgather();
  TestGroupedReducescatter();
}
