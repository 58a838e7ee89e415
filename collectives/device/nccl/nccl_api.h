#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "core/base/types.h"
#include "core/device/device.h"

struct ncclComm;  // as in nccl.h

namespace ronde {

using NcclComm = ::ncclComm*;
using NcclUniqueId = std::array<char, 128>;

/// ncclResult_t, which nccl_library.cc compares with nccl.h.
enum class NcclResult : int {
  kSuccess = 0,
  kUnhandledCudaError = 1,
  kSystemError = 2,
  kInternalError = 3,
  kInvalidArgument = 4,
  kInvalidUsage = 5,
  kRemoteError = 6,
  kInProgress = 7,
};

/// Whether the call has been taken.
[[nodiscard]] inline bool Going(NcclResult result) {
  return result == NcclResult::kSuccess || result == NcclResult::kInProgress;
}

/// ncclRedOp_t: one of these, or one that CreatePreMulSum has made.
struct NcclOp {
  int value = 0;
  friend bool operator==(const NcclOp&, const NcclOp&) = default;
};
inline constexpr NcclOp kNcclSum = {0};
inline constexpr NcclOp kNcclProduct = {1};
inline constexpr NcclOp kNcclMax = {2};
inline constexpr NcclOp kNcclMin = {3};
inline constexpr NcclOp kNcclAverage = {4};

/// What Ronde uses of NCCL, in types of its own: nothing but nccl_library.cc needs nccl.h, and
/// tests put something else in its place. Each function is the one of the same name in NCCL's
/// documentation. Communicators are non-blocking: a call may return kInProgress, and the next one
/// must wait until GetAsyncError has something else.
/// Thread rule: thread-safe, but for calls with the same communicator, of which there is one at a
/// time; a group belongs to its thread.
class NcclApi {
 public:
  virtual ~NcclApi() = default;
  /// NCCL_VERSION_CODE of the library: 22809 for 2.28.9.
  [[nodiscard]] virtual int version() const = 0;
  /// The file that it was loaded from.
  [[nodiscard]] virtual std::string path() const = 0;
  /// "No error".
  [[nodiscard]] virtual std::string ErrorString(NcclResult result) = 0;
  /// What NCCL last complained of; "" where it did not.
  [[nodiscard]] virtual std::string LastError(NcclComm comm) = 0;

  virtual NcclResult GetUniqueId(NcclUniqueId* id) = 0;
  /// Non-blocking; on the device of this (CUDA) index.
  virtual NcclResult InitRank(NcclComm* comm, int ranks, const NcclUniqueId& id, int rank,
                              int device_index) = 0;
  virtual NcclResult GetAsyncError(NcclComm comm, NcclResult* result) = 0;
  virtual NcclResult Finalize(NcclComm comm) = 0;
  virtual NcclResult Destroy(NcclComm comm) = 0;
  virtual NcclResult Abort(NcclComm comm) = 0;

  virtual NcclResult GroupStart() = 0;
  virtual NcclResult GroupEnd() = 0;

  /// `scalar` is one element of `dtype` in host memory.
  virtual NcclResult CreatePreMulSum(NcclOp* op, const void* scalar, DataType dtype,
                                     NcclComm comm) = 0;
  virtual NcclResult DestroyOp(NcclOp op, NcclComm comm) = 0;

  virtual NcclResult AllReduce(const void* input, void* output, std::size_t count, DataType dtype,
                               NcclOp op, NcclComm comm, StreamView stream) = 0;
  virtual NcclResult Reduce(const void* input, void* output, std::size_t count, DataType dtype,
                            NcclOp op, int root, NcclComm comm, StreamView stream) = 0;
  /// `count` elements for each rank.
  virtual NcclResult ReduceScatter(const void* input, void* output, std::size_t count,
                                   DataType dtype, NcclOp op, NcclComm comm, StreamView stream) = 0;
  virtual NcclResult Broadcast(const void* input, void* output, std::size_t size_bytes, int root,
                               NcclComm comm, StreamView stream) = 0;
  /// `size_bytes` of each rank.
  virtual NcclResult AllGather(const void* input, void* output, std::size_t size_bytes,
                               NcclComm comm, StreamView stream) = 0;
  virtual NcclResult Send(const void* data, std::size_t size_bytes, int peer, NcclComm comm,
                          StreamView stream) = 0;
  virtual NcclResult Receive(void* data, std::size_t size_bytes, int peer, NcclComm comm,
                             StreamView stream) = 0;
};

}  // namespace ronde
