#include <optional>

#include <mpi.h>

#include "bench/collectives/peers/peer_table.h"
#include "core/base/strcat.h"

namespace ronde::bench {
namespace {

std::optional<MPI_Datatype> ToMpi(DataType dtype) {
  switch (dtype) {
    case DataType::kFloat32:
      return MPI_FLOAT;
    case DataType::kFloat64:
      return MPI_DOUBLE;
    case DataType::kInt32:
      return MPI_INT32_T;
    case DataType::kInt64:
      return MPI_INT64_T;
    case DataType::kUInt8:
      return MPI_UINT8_T;
    default:
      return std::nullopt;  // MPI has no 16-bit floating-point types
  }
}

std::optional<MPI_Op> ToMpi(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
      return MPI_SUM;
    case ReduceOp::kMin:
      return MPI_MIN;
    case ReduceOp::kMax:
      return MPI_MAX;
    case ReduceOp::kProduct:
      return MPI_PROD;
    default:
      return std::nullopt;  // MPI has no average
  }
}

// MPI_Allreduce exactly as a user would call it: blocking, on its own communicator, with the
// library's own choice of algorithm.
class MpiPeer final : public AllreduceRunner {
 public:
  ~MpiPeer() override {
    if (communicator_ != MPI_COMM_NULL) MPI_Comm_free(&communicator_);
  }

  [[nodiscard]] bool Supports(const AllreduceArguments& arguments) const override {
    return ToMpi(arguments.dtype).has_value() && ToMpi(arguments.op).has_value() &&
           arguments.count <= INT32_MAX;
  }

  Status Begin() override {
    int initialized = 0;
    MPI_Initialized(&initialized);
    if (initialized == 0) {
      return Status::Unavailable("--peers mpi: MPI is not running; start with ronderun");
    }
    if (communicator_ == MPI_COMM_NULL) MPI_Comm_dup(MPI_COMM_WORLD, &communicator_);
    return Status::Ok();
  }

  Status Run(const AllreduceArguments& arguments) override {
    const void* input = arguments.input == arguments.output ? MPI_IN_PLACE : arguments.input;
    const int code = MPI_Allreduce(input, arguments.output, static_cast<int>(arguments.count),
                                   *ToMpi(arguments.dtype), *ToMpi(arguments.op), communicator_);
    if (code != MPI_SUCCESS) return Status::Internal(StrCat("MPI_Allreduce returned ", code));
    return Status::Ok();
  }

  void End() override {}

  [[nodiscard]] std::string AlgorithmFor(const AllreduceArguments&) override { return "mpi"; }

 private:
  MPI_Comm communicator_ = MPI_COMM_NULL;
};

}  // namespace

std::unique_ptr<AllreduceRunner> MakeMpiPeer() { return std::make_unique<MpiPeer>(); }

}  // namespace ronde::bench
