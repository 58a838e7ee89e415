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

// The blocking call that a user would make, on a communicator of its own, with the library's own
// choice of algorithm.
class MpiPeer final : public CollectiveRunner {
 public:
  ~MpiPeer() override {
    if (communicator_ != MPI_COMM_NULL) MPI_Comm_free(&communicator_);
  }

  [[nodiscard]] bool Supports(const CollectiveCall& call) const override {
    const bool known_type = ToMpi(call.dtype).has_value();
    if ((known_type ? call.layout.count : call.BlockBytes()) > INT32_MAX) return false;
    return !Reduces(call.collective) || (known_type && ToMpi(call.op).has_value());
  }

  Status Begin() override {
    int initialized = 0;
    MPI_Initialized(&initialized);
    if (initialized == 0) {
      return Status::Unavailable("--peers mpi: MPI is not running; start with ronderun");
    }
    if (communicator_ == MPI_COMM_NULL) {
      MPI_Comm_dup(MPI_COMM_WORLD, &communicator_);
      MPI_Comm_rank(communicator_, &rank_);
      MPI_Comm_size(communicator_, &size_);
    }
    return Status::Ok();
  }

  Status Run(const CollectiveCall& call) override {
    const int code = Call(call);
    if (code == MPI_SUCCESS) return Status::Ok();
    return Status::Internal(StrCat("MPI's ", Name(call.collective), " returned ", code));
  }

  // In place, MPI takes the whole input from the receive buffer and leaves the result at its start.
  [[nodiscard]] const void* Output(const CollectiveCall& call) const override {
    return call.collective == Collective::kReducescatter && call.in_place ? call.input
                                                                          : call.output;
  }

  Status Barrier() override {
    MPI_Barrier(communicator_);
    return Status::Ok();
  }

  void End() override {}

  [[nodiscard]] std::string AlgorithmFor(const CollectiveCall&) override { return "mpi"; }

 private:
  int Call(const CollectiveCall& call) {
    const void* const input = call.in_place ? MPI_IN_PLACE : call.input;
    const int count = static_cast<int>(call.layout.count);
    // What is only moved may be of any type; bytes serve those that MPI lacks.
    const bool as_bytes = !ToMpi(call.dtype).has_value();
    const MPI_Datatype type = as_bytes ? MPI_BYTE : *ToMpi(call.dtype);
    const int moved = as_bytes ? static_cast<int>(call.BlockBytes()) : count;
    switch (call.collective) {
      case Collective::kAllreduce:
        return MPI_Allreduce(input, call.output, count, type, *ToMpi(call.op), communicator_);
      case Collective::kReducescatter: {
        void* const output = call.in_place ? const_cast<void*>(call.input) : call.output;
        return MPI_Reduce_scatter_block(input, output, count, type, *ToMpi(call.op), communicator_);
      }
      case Collective::kAllgather:
        return MPI_Allgather(input, moved, type, call.output, moved, type, communicator_);
      case Collective::kBroadcast:
        CopyBroadcastRoot(call, rank_);
        return MPI_Bcast(call.output, moved, type, call.root, communicator_);
      case Collective::kAlltoall:
        return MPI_Alltoall(input, moved, type, call.output, moved, type, communicator_);
      case Collective::kSendrecv:
        return MPI_Sendrecv(call.input, moved, type, (rank_ + 1) % size_, 0, call.output, moved,
                            type, (rank_ + size_ - 1) % size_, 0, communicator_, MPI_STATUS_IGNORE);
    }
    return MPI_ERR_OP;
  }

  MPI_Comm communicator_ = MPI_COMM_NULL;
  int rank_ = 0;
  int size_ = 1;
};

}  // namespace

std::unique_ptr<CollectiveRunner> MakeMpiPeer(const PeerPlace&) {
  return std::make_unique<MpiPeer>();
}

}  // namespace ronde::bench
