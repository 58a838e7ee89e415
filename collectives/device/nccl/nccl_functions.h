#pragma once

#include <dlfcn.h>

#include <string_view>

#include <nccl.h>

#include "core/base/status.h"
#include "core/base/strcat.h"

namespace ronde {

/// The functions of libnccl, as nccl.h declares them.
struct NcclFunctions {
  decltype(&::ncclGetErrorString) get_error_string;
  decltype(&::ncclGetLastError) get_last_error;
  decltype(&::ncclGetUniqueId) get_unique_id;
  decltype(&::ncclCommInitRankConfig) comm_init_rank_config;
  decltype(&::ncclCommGetAsyncError) comm_get_async_error;
  decltype(&::ncclCommFinalize) comm_finalize;
  decltype(&::ncclCommDestroy) comm_destroy;
  decltype(&::ncclCommAbort) comm_abort;
  decltype(&::ncclGroupStart) group_start;
  decltype(&::ncclGroupEnd) group_end;
  decltype(&::ncclRedOpCreatePreMulSum) red_op_create_pre_mul_sum;
  decltype(&::ncclRedOpDestroy) red_op_destroy;
  decltype(&::ncclAllReduce) all_reduce;
  decltype(&::ncclReduce) reduce;
  decltype(&::ncclReduceScatter) reduce_scatter;
  decltype(&::ncclBroadcast) broadcast;
  decltype(&::ncclAllGather) all_gather;
  decltype(&::ncclSend) send;
  decltype(&::ncclRecv) recv;
};

template <typename Function>
void FindNcclFunction(void* library, std::string_view path, const char* name, Function** out,
                      Status* status) {
  *out = reinterpret_cast<Function*>(dlsym(library, name));
  if (*out != nullptr || !status->ok()) return;
  *status = Status::Unavailable(StrCat("NCCL (", path, ") has no ", name, ": it is incomplete"));
}

/// All of them, from what dlopen has returned. Error: kUnavailable, naming the first that is
/// missing.
[[nodiscard]] inline Result<NcclFunctions> FindNcclFunctions(void* library, std::string_view path) {
  NcclFunctions nccl = {};
  Status status;
  const auto find = [&](const char* name, auto* out) {
    FindNcclFunction(library, path, name, out, &status);
  };
  find("ncclGetErrorString", &nccl.get_error_string);
  find("ncclGetLastError", &nccl.get_last_error);
  find("ncclGetUniqueId", &nccl.get_unique_id);
  find("ncclCommInitRankConfig", &nccl.comm_init_rank_config);
  find("ncclCommGetAsyncError", &nccl.comm_get_async_error);
  find("ncclCommFinalize", &nccl.comm_finalize);
  find("ncclCommDestroy", &nccl.comm_destroy);
  find("ncclCommAbort", &nccl.comm_abort);
  find("ncclGroupStart", &nccl.group_start);
  find("ncclGroupEnd", &nccl.group_end);
  find("ncclRedOpCreatePreMulSum", &nccl.red_op_create_pre_mul_sum);
  find("ncclRedOpDestroy", &nccl.red_op_destroy);
  find("ncclAllReduce", &nccl.all_reduce);
  find("ncclReduce", &nccl.reduce);
  find("ncclReduceScatter", &nccl.reduce_scatter);
  find("ncclBroadcast", &nccl.broadcast);
  find("ncclAllGather", &nccl.all_gather);
  find("ncclSend", &nccl.send);
  find("ncclRecv", &nccl.recv);
  RONDE_RETURN_IF_ERROR(status);
  return nccl;
}

}  // namespace ronde
