/* Process sets, groups and join from C99: two teams of ranks, each with its own average, and data
 * that ends earlier on some ranks than on others.
 *
 *   build/bin/05_teams                    one process
 *   build/bin/ronderun -np 2 05_teams     two
 *
 * Prints one line a rank; exit code 1 when a result is wrong.
 */
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

/* A team: ranks first, first + 2, ... Every rank makes every set, whether it is in it or not. */
static int AddTeam(int first) {
  int* ranks = malloc((size_t)ronde_size() * sizeof *ranks);
  int count = 0, team = -1, rank;
  Require(ranks != NULL, "memory");
  for (rank = first; rank < ronde_size(); rank += 2) ranks[count++] = rank;
  Require(ronde_process_set_add(ranks, count, &team) == RONDE_OK, "new process set");
  free(ranks);
  return team;
}

/* Two tensors of different types as one group, among the team's ranks only: the mean of the weights
 * and the number of samples. Both arrive, or neither. */
static void ReduceInTeam(int team) {
  const int64_t weights_shape[1] = {3};
  const int size = ronde_process_set_size(team);
  float weights[3];
  int64_t samples = 100;
  ronde_tensor tensors[2] = {{NULL, NULL, NULL, 1, RONDE_FLOAT32},
                             {NULL, NULL, NULL, 0, RONDE_INT64}};
  ronde_options options = RONDE_OPTIONS_INIT;
  int i;
  for (i = 0; i < 3; ++i) weights[i] = (float)ronde_process_set_rank(team);
  tensors[0].input = tensors[0].output = weights;
  tensors[0].shape = weights_shape;
  tensors[1].input = tensors[1].output = &samples;
  options.process_set = team;
  options.op = RONDE_SUM;
  Require(ronde_grouped_allreduce("team", tensors, 2, &options) == RONDE_OK, "grouped allreduce");
  for (i = 0; i < 3; ++i) Require(weights[i] == (float)(size * (size - 1) / 2), "sum of weights");
  Require(samples == 100 * (int64_t)size, "samples of the team");
}

/* Rank r has r + 1 batches. Whoever has no more joins; the others' sums go on without it. */
static int TrainToTheEnd(void) {
  const int batches = ronde_rank() + 1;
  int last = -1, batch;
  for (batch = 0; batch < batches; ++batch) {
    char name[32];
    float gradient = 1;
    snprintf(name, sizeof name, "gradient%d", batch);
    Require(ronde_allreduce(name, &gradient, &gradient, 1, RONDE_FLOAT32, RONDE_SUM) == RONDE_OK,
            "allreduce");
    Require(gradient == (float)(ronde_size() - batch), "sum over the ranks that have data");
  }
  Require(ronde_join(&last) == RONDE_OK, "join");
  Require(last == ronde_size() - 1, "the rank with most batches joins last");
  return last;
}

int main(void) {
  ronde_counters counters = RONDE_COUNTERS_INIT;
  int even, odd, mine, last;
  /* Before ronde_init, like a flag; the environment or a default decides about all others. */
  Require(ronde_set("--stall-warning-s", "30") == RONDE_OK, "setting");
  Require(ronde_init() == RONDE_OK, "init");
  even = AddTeam(0);
  odd = ronde_size() > 1 ? AddTeam(1) : even;
  mine = ronde_rank() % 2 == 0 ? even : odd;
  ReduceInTeam(mine);
  last = TrainToTheEnd();
  Require(ronde_read_counters(&counters) == RONDE_OK, "counters");
  printf("rank %d of %d: rank %d of %d in team %d, joined last: rank %d, %d operations\n",
         ronde_rank(), ronde_size(), ronde_process_set_rank(mine), ronde_process_set_size(mine),
         mine, last, (int)counters.operations);
  return ronde_shutdown() == RONDE_OK ? 0 : 1;
}
