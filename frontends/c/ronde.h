/* Ronde's C API: gradient synchronisation and periodic model averaging over MPI ranks. C99.
 *
 *   ronde_init();
 *   for (step = 1; step <= steps; ++step) {
 *     ...compute gradients...
 *     ronde_allreduce("gradients", grad, grad, count, RONDE_FLOAT32, RONDE_AVERAGE);
 *     ...
 *   }
 *   ronde_shutdown();
 *
 * Names pair operations across ranks: every rank submits the same names, in any order. At most one
 * operation of a name is in flight on a rank. Buffers are lent until the operation has completed.
 * `count` is in elements, sizes are in bytes, times in seconds. docs/c_api.md tells it at length.
 *
 * Every function is thread-safe, throws nothing, and returns a ronde_status unless said otherwise;
 * after a failure, ronde_last_error() has the text. Started bare, without an MPI launcher, a
 * program is one rank and MPI is left alone.
 */
#ifndef RONDE_H_
#define RONDE_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define RONDE_NOEXCEPT noexcept
extern "C" {
#else
#define RONDE_NOEXCEPT
#endif

/* ---- Types. The values are part of the ABI. ------------------------------------------------- */
typedef enum ronde_status {
  RONDE_OK = 0,
  RONDE_INVALID_ARGUMENT = 1, /* the caller's input is wrong, or ronde_init is missing */
  RONDE_MISMATCH = 2,         /* ranks disagree on a tensor; all get this error, the job goes on */
  RONDE_DUPLICATE_NAME = 3,   /* an operation of that name is still in flight on this rank */
  RONDE_TIMEOUT = 4,          /* a peer missed the deadline, or ronde_wait_for's time is over */
  RONDE_ABORTED = 5,          /* a rank ended the job; the text is that rank's */
  RONDE_SHUTDOWN = 6,         /* shut down, here or on a rank that is needed */
  RONDE_UNAVAILABLE = 7,      /* the build or the machine lacks what was asked for */
  RONDE_INTERNAL = 8          /* a defect in Ronde, or out of memory */
} ronde_status;

/* Any value may be passed; unknown ones are refused. */
typedef int32_t ronde_dtype;
enum {
  RONDE_FLOAT16 = 0,
  RONDE_BFLOAT16 = 1,
  RONDE_FLOAT32 = 2,
  RONDE_FLOAT64 = 3,
  RONDE_INT32 = 4,
  RONDE_INT64 = 5,
  RONDE_UINT8 = 6
};

/* RONDE_AVERAGE divides the sum by the number of ranks; integers truncate. RONDE_ADASUM adds what
 * is orthogonal and averages what is parallel, tensor by tensor: floating-point types, allreduce
 * only. */
typedef int32_t ronde_op;
enum {
  RONDE_SUM = 0,
  RONDE_AVERAGE = 1,
  RONDE_MIN = 2,
  RONDE_MAX = 3,
  RONDE_PRODUCT = 4,
  RONDE_ADASUM = 5
};

/* One submitted operation. Release each once; an operation goes on without its handle. */
typedef struct ronde_handle ronde_handle;

/* When a model average is due: after every step with step > origin and
 * (step - origin) mod period = 0. Steps count from 1, across epochs. */
typedef struct ronde_average_schedule {
  int64_t period; /* H, steps between two averages, at least 1 */
  int64_t origin; /* the step after which windows are counted, at least 0 */
} ronde_average_schedule;

/* Called once with the final status; `message` is valid during the call, "" when all is well. */
typedef void (*ronde_callback)(void* context, ronde_status status, const char* message);

/* Begin with RONDE_OPTIONS_INIT: the size tells Ronde which fields the program knows, so that later
 * versions can add some. An operation ignores the fields that it has no use for. */
typedef struct ronde_options {
  size_t struct_size;  /* sizeof(ronde_options) */
  int32_t process_set; /* of ronde_process_set_add or --process-sets; 0 is all ranks */
  ronde_op op;         /* allreduce, reducescatter */
  double prescale;     /* the same */
  double postscale;    /* the same */
} ronde_options;
#define RONDE_OPTIONS_INIT \
  { sizeof(ronde_options), 0, RONDE_AVERAGE, 1.0, 1.0 }

/* One member of a group. Its layout is fixed: arrays are made of it. */
typedef struct ronde_tensor {
  const void* input;
  void* output;         /* may be input where the operation allows it */
  const int64_t* shape; /* of the input; NULL for a scalar */
  int32_t dimensions;
  ronde_dtype dtype;
} ronde_tensor;

/* What this rank has done since ronde_init. Begin with RONDE_COUNTERS_INIT. */
typedef struct ronde_counters {
  size_t struct_size; /* sizeof(ronde_counters); no more than that is written */
  uint64_t operations;
  uint64_t payload_bytes;     /* handed to data collectives */
  uint64_t bytes_on_wire;     /* sent to peers, through shared memory or network */
  uint64_t bytes_packed;      /* copied in order to travel together */
  double seconds_outstanding; /* at least one operation pending */
  double seconds_executing;   /* moving data */
} ronde_counters;
#define RONDE_COUNTERS_INIT \
  { sizeof(ronde_counters), 0, 0, 0, 0, 0.0, 0.0 }

/* ---- Life ----------------------------------------------------------------------------------- */
/* Joins the job; collective. Settings come from ronde_set and RONDE_... variables.
 * May be called again after ronde_shutdown.
 * Errors: INVALID_ARGUMENT (initialised already, a bad setting, ranks with different settings),
 * UNAVAILABLE (started by an MPI launcher, but built without MPI). */
ronde_status ronde_init(void) RONDE_NOEXCEPT;

/* Completes what is pending and leaves the job; collective, never hangs. Without ronde_init: OK.
 * Returns the job's failure, if any. MPI stays up until the process exits. */
ronde_status ronde_shutdown(void) RONDE_NOEXCEPT;
/* 1 between ronde_init and ronde_shutdown, else 0. */
int ronde_initialized(void) RONDE_NOEXCEPT;
/* "0.1.0"; static storage. */
const char* ronde_version(void) RONDE_NOEXCEPT;
/* Ends the job on all ranks: their operations end with RONDE_ABORTED and "rank N: `message`". */
ronde_status ronde_abort(const char* message) RONDE_NOEXCEPT;
/* OK while the job is well, else its first failure. */
ronde_status ronde_job_status(void) RONDE_NOEXCEPT;
/* The text of the last failure on the calling thread, "" if there was none; valid until the
 * thread's next failure. */
const char* ronde_last_error(void) RONDE_NOEXCEPT;

/* ---- Who am I? All return -1 without ronde_init. -------------------------------------------- */
int ronde_rank(void) RONDE_NOEXCEPT;
int ronde_size(void) RONDE_NOEXCEPT;
int ronde_local_rank(void) RONDE_NOEXCEPT; /* among the ranks of this host */
int ronde_local_size(void) RONDE_NOEXCEPT;
int ronde_cross_rank(void) RONDE_NOEXCEPT; /* among the ranks with this local rank on all hosts */
int ronde_cross_size(void) RONDE_NOEXCEPT;

/* ---- Settings -------------------------------------------------------------------------------
 * `name` is that of the flag or of the environment variable: "--timeout-s", "timeout-s" and
 * "RONDE_TIMEOUT_S" are one setting; `ronde-info` lists them all. */

/* For every later ronde_init, whatever the environment says; NULL undoes it. ronde_init compares
 * those that must be equal on all ranks. Errors: INVALID_ARGUMENT naming the setting and what it
 * accepts, or between ronde_init and ronde_shutdown. */
ronde_status ronde_set(const char* name, const char* value) RONDE_NOEXCEPT;

/* The value in force, or before ronde_init the one that it would use, into `capacity` bytes with
 * the final 0. *needed, which may be NULL, is how many that takes; with buffer NULL and capacity 0
 * that is all. Error: INVALID_ARGUMENT (no such setting, or too little room). */
ronde_status ronde_get(const char* name, char* buffer, size_t capacity,
                       size_t* needed) RONDE_NOEXCEPT;

/* ---- Registered memory ---------------------------------------------------------------------- */
/* Collective, with the same size on all ranks: zeroed memory that the operations below reach on
 * every rank of a host, so that they copy nothing in or out. Buffers gain from it where they lie at
 * the same place of it on all ranks; others are ordinary memory. It lives until ronde_free or
 * ronde_shutdown. Errors: MISMATCH (sizes), UNAVAILABLE (no memory). */
ronde_status ronde_allocate(size_t size_bytes, void** memory) RONDE_NOEXCEPT;

/* Gives it back, on this rank; NULL is allowed. Not while an operation uses it. */
ronde_status ronde_free(void* memory) RONDE_NOEXCEPT;

/* ---- Operations -----------------------------------------------------------------------------
 * The _async forms fail, with *handle NULL, only for INVALID_ARGUMENT: no ronde_init, or no name.
 * All other errors arrive through ronde_wait. The blocking forms return that status themselves.
 * What ranks submit is compared by all: a bad argument gets the same error on all ranks. */

/* output[i] = postscale * reduce over ranks (prescale * input[i]); output may be input,
 * else apart from it (here and below). Equal count, dtype, op and scales on all ranks, else
 * MISMATCH everywhere. Scales other than 1 need a floating-point dtype (INVALID_ARGUMENT). */
ronde_status ronde_allreduce_async(const char* name, const void* input, void* output, int64_t count,
                                   ronde_dtype dtype, ronde_op op, double prescale,
                                   double postscale, ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_allreduce(const char* name, const void* input, void* output, int64_t count,
                             ronde_dtype dtype, ronde_op op) RONDE_NOEXCEPT;

/* The values of rank `root` to everyone, in place. Errors: INVALID_ARGUMENT (no such rank),
 * MISMATCH (count, dtype or root). */
ronde_status ronde_broadcast_async(const char* name, void* inout, int64_t count, ronde_dtype dtype,
                                   int root, ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_broadcast(const char* name, void* inout, int64_t count, ronde_dtype dtype,
                             int root) RONDE_NOEXCEPT;

/* Concatenates along the first dimension, ranks in order. shape[0] may differ between ranks and may
 * be 0; the other dimensions agree, else MISMATCH. The result is read with ronde_result_... */
ronde_status ronde_allgather_async(const char* name, const void* input, const int64_t* shape,
                                   int dimensions, ronde_dtype dtype,
                                   ronde_handle** handle) RONDE_NOEXCEPT;

/* The same into `output`, of size * shape[0] rows in rank order; `shape` must be equal on all
 * ranks, else MISMATCH. `input` may be this rank's rows of `output`. */
ronde_status ronde_allgather_into_async(const char* name, const void* input, void* output,
                                        const int64_t* shape, int dimensions, ronde_dtype dtype,
                                        ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_allgather_into(const char* name, const void* input, void* output,
                                  const int64_t* shape, int dimensions,
                                  ronde_dtype dtype) RONDE_NOEXCEPT;

/* Reduces as ronde_allreduce does and deals the rows (the first dimension of `shape`) of the result
 * to the ranks in order; `output` takes this rank's: shape[0] / size, and one more on the first
 * (shape[0] mod size) ranks. `output` may be this rank's rows of `input`. */
ronde_status ronde_reducescatter_async(const char* name, const void* input, void* output,
                                       const int64_t* shape, int dimensions, ronde_dtype dtype,
                                       ronde_op op, double prescale, double postscale,
                                       ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_reducescatter(const char* name, const void* input, void* output,
                                 const int64_t* shape, int dimensions, ronde_dtype dtype,
                                 ronde_op op) RONDE_NOEXCEPT;

/* Sends splits[r] rows of `input`, one behind the other, to rank r, for each of the ronde_size()
 * ranks. shape[0] and splits may differ between ranks, the other dimensions agree, else MISMATCH.
 * Errors: INVALID_ARGUMENT on all ranks, where a rank's splits do not add up to its shape[0].
 * The result, the rows from all ranks in rank order, is read with ronde_result_... */
ronde_status ronde_alltoall_async(const char* name, const void* input, const int64_t* shape,
                                  int dimensions, ronde_dtype dtype, const int64_t* splits,
                                  ronde_handle** handle) RONDE_NOEXCEPT;
/* Writes the rows into `output`, and how many came from each rank into rank_extents[ronde_size()],
 * which may be NULL. Error: INVALID_ARGUMENT where they need more than capacity_bytes. */
ronde_status ronde_alltoall(const char* name, const void* input, const int64_t* shape,
                            int dimensions, ronde_dtype dtype, const int64_t* splits, void* output,
                            size_t capacity_bytes, int64_t* rank_extents) RONDE_NOEXCEPT;

/* Completes once all ranks have entered. */
ronde_status ronde_barrier_async(const char* name, ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_barrier(void) RONDE_NOEXCEPT;

/* The periodic model average, in place; call it after every step. When `schedule` makes `step` due,
 * averages `parameters` over all ranks (16-bit types are summed in 32 bits); otherwise completes at
 * once and communicates nothing. ronde_performed tells which. Floating-point dtypes only.
 * Ranks that disagree on period, origin or step get the same MISMATCH. */
ronde_status ronde_average_model_async(const char* name, void* parameters, int64_t count,
                                       ronde_dtype dtype, ronde_average_schedule schedule,
                                       int64_t step, ronde_handle** handle) RONDE_NOEXCEPT;
/* `performed` (1 or 0) may be NULL. */
ronde_status ronde_average_model(const char* name, void* parameters, int64_t count,
                                 ronde_dtype dtype, ronde_average_schedule schedule, int64_t step,
                                 int* performed) RONDE_NOEXCEPT;

/* ---- The same with options ------------------------------------------------------------------
 * NULL is RONDE_OPTIONS_INIT. Only the ranks of a process set submit to it; roots, splits, rows of
 * results and what an average divides by count its ranks. Besides the errors above:
 * INVALID_ARGUMENT (no such set, or this rank is not in it; options without a size), UNAVAILABLE
 * (options that only a later version knows). */

ronde_status ronde_allreduce_with_async(const char* name, const void* input, void* output,
                                        int64_t count, ronde_dtype dtype,
                                        const ronde_options* options,
                                        ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_allreduce_with(const char* name, const void* input, void* output, int64_t count,
                                  ronde_dtype dtype, const ronde_options* options) RONDE_NOEXCEPT;
ronde_status ronde_broadcast_with_async(const char* name, void* inout, int64_t count,
                                        ronde_dtype dtype, int root, const ronde_options* options,
                                        ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_broadcast_with(const char* name, void* inout, int64_t count, ronde_dtype dtype,
                                  int root, const ronde_options* options) RONDE_NOEXCEPT;
ronde_status ronde_allgather_with_async(const char* name, const void* input, const int64_t* shape,
                                        int dimensions, ronde_dtype dtype,
                                        const ronde_options* options,
                                        ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_allgather_into_with_async(const char* name, const void* input, void* output,
                                             const int64_t* shape, int dimensions,
                                             ronde_dtype dtype, const ronde_options* options,
                                             ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_allgather_into_with(const char* name, const void* input, void* output,
                                       const int64_t* shape, int dimensions, ronde_dtype dtype,
                                       const ronde_options* options) RONDE_NOEXCEPT;
ronde_status ronde_reducescatter_with_async(const char* name, const void* input, void* output,
                                            const int64_t* shape, int dimensions, ronde_dtype dtype,
                                            const ronde_options* options,
                                            ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_reducescatter_with(const char* name, const void* input, void* output,
                                      const int64_t* shape, int dimensions, ronde_dtype dtype,
                                      const ronde_options* options) RONDE_NOEXCEPT;
ronde_status ronde_alltoall_with_async(const char* name, const void* input, const int64_t* shape,
                                       int dimensions, ronde_dtype dtype, const int64_t* splits,
                                       const ronde_options* options,
                                       ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_alltoall_with(const char* name, const void* input, const int64_t* shape,
                                 int dimensions, ronde_dtype dtype, const int64_t* splits,
                                 void* output, size_t capacity_bytes, int64_t* rank_extents,
                                 const ronde_options* options) RONDE_NOEXCEPT;
ronde_status ronde_barrier_with_async(const char* name, const ronde_options* options,
                                      ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_barrier_with(const ronde_options* options) RONDE_NOEXCEPT;
ronde_status ronde_average_model_with_async(const char* name, void* parameters, int64_t count,
                                            ronde_dtype dtype, ronde_average_schedule schedule,
                                            int64_t step, const ronde_options* options,
                                            ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_average_model_with(const char* name, void* parameters, int64_t count,
                                      ronde_dtype dtype, ronde_average_schedule schedule,
                                      int64_t step, int* performed,
                                      const ronde_options* options) RONDE_NOEXCEPT;

/* ---- Groups ---------------------------------------------------------------------------------
 * `count` >= 1 operations, all or nothing: none runs before all of them can on all ranks, and they
 * fail together. Members agree on all ranks in number and order; they may differ in dtype. */

/* One handle for the whole group, which travels as one tensor: cheap for many small ones. */
ronde_status ronde_grouped_allreduce_async(const char* name, const ronde_tensor* tensors, int count,
                                           const ronde_options* options,
                                           ronde_handle** handle) RONDE_NOEXCEPT;
ronde_status ronde_grouped_allreduce(const char* name, const ronde_tensor* tensors, int count,
                                     const ronde_options* options) RONDE_NOEXCEPT;

/* Into handles[count], one for each member; all NULL where the call fails. Outputs are not used. */
ronde_status ronde_grouped_allgather_async(const char* name, const ronde_tensor* tensors, int count,
                                           const ronde_options* options,
                                           ronde_handle** handles) RONDE_NOEXCEPT;
/* The same into the tensors' outputs, as ronde_allgather_into. */
ronde_status ronde_grouped_allgather_into_async(const char* name, const ronde_tensor* tensors,
                                                int count, const ronde_options* options,
                                                ronde_handle** handles) RONDE_NOEXCEPT;
ronde_status ronde_grouped_allgather_into(const char* name, const ronde_tensor* tensors, int count,
                                          const ronde_options* options) RONDE_NOEXCEPT;
ronde_status ronde_grouped_reducescatter_async(const char* name, const ronde_tensor* tensors,
                                               int count, const ronde_options* options,
                                               ronde_handle** handles) RONDE_NOEXCEPT;
ronde_status ronde_grouped_reducescatter(const char* name, const ronde_tensor* tensors, int count,
                                         const ronde_options* options) RONDE_NOEXCEPT;

/* ---- Process sets, and ranks that end earlier ----------------------------------------------- */
/* Collective over all ranks, with equal arguments and in the same order: a new set of these world
 * ranks, which ascend. Its number is the same on all ranks and never used twice. Errors, on all
 * ranks: INVALID_ARGUMENT (no ranks, one that does not exist, wrong order), MISMATCH. */
ronde_status ronde_process_set_add(const int* ranks, int count, int* process_set) RONDE_NOEXCEPT;
/* Collective over all ranks. Errors, on all of them: INVALID_ARGUMENT (no such set, 0), MISMATCH.
 */
ronde_status ronde_process_set_remove(int process_set) RONDE_NOEXCEPT;
/* Its world ranks, into `capacity` >= ronde_process_set_size(). */
ronde_status ronde_process_set_ranks(int process_set, int* ranks, int capacity) RONDE_NOEXCEPT;
int ronde_process_set_size(int process_set) RONDE_NOEXCEPT; /* -1 where there is no such set */
int ronde_process_set_rank(int process_set) RONDE_NOEXCEPT; /* -1 where this rank is not in it */

/* This rank has no more data. Completes when all ranks have joined; until then it submits nothing,
 * and counts as zeros (allreduce by sum or average, reducescatter) or no rows (allgather) in what
 * the others do. What cannot do without it is INVALID_ARGUMENT on the ranks that ask. */
ronde_status ronde_join_async(ronde_handle** handle) RONDE_NOEXCEPT;
/* Waits for that; *last_rank, which may be NULL, is the rank that joined last. */
ronde_status ronde_join(int* last_rank) RONDE_NOEXCEPT;

/* ---- Handles -------------------------------------------------------------------------------- */
/* Blocks until the operation has completed; returns its status, also when called again. */
ronde_status ronde_wait(ronde_handle* handle) RONDE_NOEXCEPT;
/* The same; TIMEOUT after `timeout_s` seconds, while the operation goes on. */
ronde_status ronde_wait_for(ronde_handle* handle, double timeout_s) RONDE_NOEXCEPT;
/* Sets *completed to 1 or 0; never blocks. */
ronde_status ronde_poll(ronde_handle* handle, int* completed) RONDE_NOEXCEPT;
/* Calls `callback` once: on the engine's thread, one that waits for a handle, or at once when
 * completed already. It must not block; it may submit operations. exit() there ends the job. */
ronde_status ronde_on_complete(ronde_handle* handle, ronde_callback callback,
                               void* context) RONDE_NOEXCEPT;
void ronde_release(ronde_handle* handle) RONDE_NOEXCEPT; /* NULL is allowed */

/* What completed operations delivered. Errors: INVALID_ARGUMENT before completion, or when a
 * caller's array is too small; the operation's own status when it failed. */

/* *performed = 0 for a model average that was not due, else 1. */
ronde_status ronde_performed(ronde_handle* handle, int* performed) RONDE_NOEXCEPT;
/* Allgather and alltoall: the number of dimensions, and the size of the gathered tensor. Either may
 * be NULL. Nothing where the caller gave an output. */
ronde_status ronde_result_size(ronde_handle* handle, int* dimensions,
                               size_t* size_bytes) RONDE_NOEXCEPT;
/* Its shape, into `capacity` elements. */
ronde_status ronde_result_shape(ronde_handle* handle, int64_t* shape, int capacity) RONDE_NOEXCEPT;
/* The rows that came from each rank, into `capacity` >= ronde_size(). */
ronde_status ronde_result_rank_extents(ronde_handle* handle, int64_t* extents,
                                       int capacity) RONDE_NOEXCEPT;
/* Copies the gathered tensor out. */
ronde_status ronde_result_copy(ronde_handle* handle, void* output,
                               size_t capacity_bytes) RONDE_NOEXCEPT;

/* Join: the rank that came last. */
ronde_status ronde_result_last_joined(ronde_handle* handle, int* rank) RONDE_NOEXCEPT;

/* ---- Observation ---------------------------------------------------------------------------- */
/* A Chrome trace (Perfetto) of this rank's operations from now on, until ronde_timeline_stop: into
 * `path`, rank N > 0 with .rankN before its extension. `mark_cycles` also marks each list of agreed
 * operations. Error: INVALID_ARGUMENT (the file cannot be written, or one is being written). */
ronde_status ronde_timeline_start(const char* path, int mark_cycles) RONDE_NOEXCEPT;
ronde_status ronde_timeline_stop(void) RONDE_NOEXCEPT;

/* Counters and histograms as Prometheus text; the arguments are as those of ronde_get. The text may
 * grow from one call to the next. */
ronde_status ronde_metrics_text(char* buffer, size_t capacity, size_t* needed) RONDE_NOEXCEPT;
ronde_status ronde_read_counters(ronde_counters* counters) RONDE_NOEXCEPT;

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* RONDE_H_ */
