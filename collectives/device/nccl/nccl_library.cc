#include "collectives/device/nccl/nccl_library.h"

#include <dlfcn.h>

#include <cstring>
#include <type_traits>
#include <utility>

#include <nccl.h>

#include "collectives/device/nccl/nccl_functions.h"
#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr const char* kName = "libnccl.so.2";

static_assert(sizeof(NcclUniqueId) == sizeof(ncclUniqueId));
static_assert(std::is_same_v<NcclComm, ncclComm_t>);
static_assert(int{ncclSuccess} == static_cast<int>(NcclResult::kSuccess));
static_assert(int{ncclUnhandledCudaError} == static_cast<int>(NcclResult::kUnhandledCudaError));
static_assert(int{ncclSystemError} == static_cast<int>(NcclResult::kSystemError));
static_assert(int{ncclInternalError} == static_cast<int>(NcclResult::kInternalError));
static_assert(int{ncclInvalidArgument} == static_cast<int>(NcclResult::kInvalidArgument));
static_assert(int{ncclInvalidUsage} == static_cast<int>(NcclResult::kInvalidUsage));
static_assert(int{ncclRemoteError} == static_cast<int>(NcclResult::kRemoteError));
static_assert(int{ncclInProgress} == static_cast<int>(NcclResult::kInProgress));
static_assert(int{ncclSum} == kNcclSum.value && int{ncclProd} == kNcclProduct.value);
static_assert(int{ncclMax} == kNcclMax.value && int{ncclMin} == kNcclMin.value);
static_assert(int{ncclAvg} == kNcclAverage.value);

ncclDataType_t TypeOf(DataType dtype) {
  switch (dtype) {
    case DataType::kFloat16:
      return ncclFloat16;
    case DataType::kBFloat16:
      return ncclBfloat16;
    case DataType::kFloat32:
      return ncclFloat32;
    case DataType::kFloat64:
      return ncclFloat64;
    case DataType::kInt32:
      return ncclInt32;
    case DataType::kInt64:
      return ncclInt64;
    case DataType::kUInt8:
      return ncclUint8;
  }
  return ncclNumTypes;  // which NCCL refuses
}

ncclRedOp_t OpOf(NcclOp op) { return static_cast<ncclRedOp_t>(op.value); }
cudaStream_t StreamOf(StreamView stream) { return static_cast<cudaStream_t>(stream.native); }
NcclResult Own(ncclResult_t result) { return static_cast<NcclResult>(result); }

class NcclLibrary final : public NcclApi {
 public:
  NcclLibrary(const NcclFunctions& functions, int version, std::string path)
      : nccl_(functions), version_(version), path_(std::move(path)) {}

  int version() const override { return version_; }
  std::string path() const override { return path_; }
  std::string ErrorString(NcclResult result) override {
    return nccl_.get_error_string(static_cast<ncclResult_t>(result));
  }
  std::string LastError(NcclComm comm) override {
    const char* text = nccl_.get_last_error(comm);
    return text == nullptr ? "" : text;
  }

  NcclResult GetUniqueId(NcclUniqueId* id) override {
    ncclUniqueId made = {};
    const ncclResult_t result = nccl_.get_unique_id(&made);
    std::memcpy(id->data(), made.internal, id->size());
    return Own(result);
  }
  NcclResult InitRank(NcclComm* comm, int ranks, const NcclUniqueId& id, int rank,
                      int device_index) override;
  NcclResult GetAsyncError(NcclComm comm, NcclResult* result) override {
    ncclResult_t found = ncclSuccess;
    const ncclResult_t asked = nccl_.comm_get_async_error(comm, &found);
    *result = Own(found);
    return Own(asked);
  }
  NcclResult Finalize(NcclComm comm) override { return Own(nccl_.comm_finalize(comm)); }
  NcclResult Destroy(NcclComm comm) override { return Own(nccl_.comm_destroy(comm)); }
  NcclResult Abort(NcclComm comm) override { return Own(nccl_.comm_abort(comm)); }
  NcclResult GroupStart() override { return Own(nccl_.group_start()); }
  NcclResult GroupEnd() override { return Own(nccl_.group_end()); }

  NcclResult CreatePreMulSum(NcclOp* op, const void* scalar, DataType dtype,
                             NcclComm comm) override {
    ncclRedOp_t made = ncclSum;
    const ncclResult_t result = nccl_.red_op_create_pre_mul_sum(
        &made, const_cast<void*>(scalar), TypeOf(dtype), ncclScalarHostImmediate, comm);
    *op = {static_cast<int>(made)};
    return Own(result);
  }
  NcclResult DestroyOp(NcclOp op, NcclComm comm) override {
    return Own(nccl_.red_op_destroy(OpOf(op), comm));
  }
  NcclResult AllReduce(const void* input, void* output, std::size_t count, DataType dtype,
                       NcclOp op, NcclComm comm, StreamView stream) override {
    return Own(
        nccl_.all_reduce(input, output, count, TypeOf(dtype), OpOf(op), comm, StreamOf(stream)));
  }
  NcclResult Reduce(const void* input, void* output, std::size_t count, DataType dtype, NcclOp op,
                    int root, NcclComm comm, StreamView stream) override {
    return Own(
        nccl_.reduce(input, output, count, TypeOf(dtype), OpOf(op), root, comm, StreamOf(stream)));
  }
  NcclResult ReduceScatter(const void* input, void* output, std::size_t count, DataType dtype,
                           NcclOp op, NcclComm comm, StreamView stream) override {
    return Own(nccl_.reduce_scatter(input, output, count, TypeOf(dtype), OpOf(op), comm,
                                    StreamOf(stream)));
  }
  NcclResult Broadcast(const void* input, void* output, std::size_t size_bytes, int root,
                       NcclComm comm, StreamView stream) override {
    return Own(nccl_.broadcast(input, output, size_bytes, ncclUint8, root, comm, StreamOf(stream)));
  }
  NcclResult AllGather(const void* input, void* output, std::size_t size_bytes, NcclComm comm,
                       StreamView stream) override {
    return Own(nccl_.all_gather(input, output, size_bytes, ncclUint8, comm, StreamOf(stream)));
  }
  NcclResult Send(const void* data, std::size_t size_bytes, int peer, NcclComm comm,
                  StreamView stream) override {
    return Own(nccl_.send(data, size_bytes, ncclUint8, peer, comm, StreamOf(stream)));
  }
  NcclResult Receive(void* data, std::size_t size_bytes, int peer, NcclComm comm,
                     StreamView stream) override {
    return Own(nccl_.recv(data, size_bytes, ncclUint8, peer, comm, StreamOf(stream)));
  }

 private:
  const NcclFunctions nccl_;
  const int version_;
  const std::string path_;
};

NcclResult NcclLibrary::InitRank(NcclComm* comm, int ranks, const NcclUniqueId& id, int rank,
                                 int device_index) {
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  ncclUniqueId copy = {};
  std::memcpy(copy.internal, id.data(), id.size());
  int before = 0;
  if (cudaGetDevice(&before) != cudaSuccess) return NcclResult::kUnhandledCudaError;
  // A communicator is of the device that is current here.
  if (cudaSetDevice(device_index) != cudaSuccess) return NcclResult::kUnhandledCudaError;
  const ncclResult_t result = nccl_.comm_init_rank_config(comm, ranks, copy, rank, &config);
  if (before != device_index && cudaSetDevice(before) != cudaSuccess) {
    return NcclResult::kUnhandledCudaError;
  }
  return Own(result);
}

std::string PathOf(const void* symbol, const char* name) {
  Dl_info info = {};
  return dladdr(symbol, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : name;
}

}  // namespace

bool BuiltWithNccl() { return true; }

Result<std::unique_ptr<NcclApi>> OpenNccl(const char* name) {
  void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  if (library == nullptr) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return Status::Unavailable(StrCat("NCCL cannot be loaded: ", dlerror(),
                                      "; install it (libnccl2, or the wheel nvidia-nccl) or name "
                                      "its folder in LD_LIBRARY_PATH"));
  }
  const auto get_version =
      reinterpret_cast<decltype(&::ncclGetVersion)>(dlsym(library, "ncclGetVersion"));
  int version = 0;
  if (get_version == nullptr || get_version(&version) != ncclSuccess) {
    return Status::Unavailable(StrCat(name, " does not tell its version: it is not NCCL"));
  }
  const std::string path = PathOf(reinterpret_cast<const void*>(get_version), name);
  RONDE_RETURN_IF_ERROR(CheckNcclVersion(version, path));
  RONDE_ASSIGN_OR_RETURN(const NcclFunctions functions, FindNcclFunctions(library, path));
  const std::string warning = SeveralNcclWarning(MappedNccl(), path);
  if (!warning.empty()) Log(LogLevel::kWarning, warning);
  Log(LogLevel::kInfo, "NCCL ", NcclVersionText(version), " (", path, ")");
  return std::unique_ptr<NcclApi>(std::make_unique<NcclLibrary>(functions, version, path));
}

Result<NcclApi*> LoadNccl(DeviceKind kind) {
  if (kind != DeviceKind::kCuda) {
    return Status::Unavailable(StrCat("NCCL works on CUDA devices, not on a ", Name(kind), " one"));
  }
  static const Result<std::unique_ptr<NcclApi>> library = OpenNccl(kName);
  RONDE_RETURN_IF_ERROR(library.status());
  return library.value().get();
}

}  // namespace ronde
