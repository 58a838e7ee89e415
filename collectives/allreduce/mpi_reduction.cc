#include "collectives/allreduce/mpi_reduction.h"

#include <array>

#include "collectives/reduce_kernels.h"

namespace ronde {
namespace {

MPI_Datatype NativeDatatype(DataType dtype) {
  switch (dtype) {
    case DataType::kFloat16:
    case DataType::kBFloat16:
      return MPI_UINT16_T;
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
  }
  return MPI_DATATYPE_NULL;
}

MPI_Op NativeOp(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
    case ReduceOp::kAverage:
      return MPI_SUM;
    case ReduceOp::kMin:
      return MPI_MIN;
    case ReduceOp::kMax:
      return MPI_MAX;
    case ReduceOp::kProduct:
      return MPI_PROD;
    case ReduceOp::kAdasum:
      break;  // not element by element
  }
  return MPI_OP_NULL;
}

template <DataType kType, ReduceOp kOp>
void ReducePair(void* in, void* inout, int* count, MPI_Datatype*) {
  Reduce(kOp, kType, std::array<const void*, 2>{in, inout}, inout, *count);
}

// MPI passes a function no closure, so there is one operator per type and op, made on first use.
template <DataType kType, ReduceOp kOp>
MPI_Op OwnOp() {
  static const MPI_Op op = [] {
    MPI_Op made = MPI_OP_NULL;
    const int error = MPI_Op_create(&ReducePair<kType, kOp>, /*commute=*/1, &made);
    return error == MPI_SUCCESS ? made : MPI_OP_NULL;
  }();
  return op;
}

template <DataType kType>
MPI_Op OwnOpOf(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum:
    case ReduceOp::kAverage:
      return OwnOp<kType, ReduceOp::kSum>();
    case ReduceOp::kMin:
      return OwnOp<kType, ReduceOp::kMin>();
    case ReduceOp::kMax:
      return OwnOp<kType, ReduceOp::kMax>();
    case ReduceOp::kProduct:
      return OwnOp<kType, ReduceOp::kProduct>();
    case ReduceOp::kAdasum:
      break;
  }
  return MPI_OP_NULL;
}

}  // namespace

std::optional<MpiReduction> MpiReductionFor(DataType dtype, ReduceOp op) {
  MpiReduction reduction = {NativeDatatype(dtype), NativeOp(op)};
  if (dtype == DataType::kFloat16) reduction.op = OwnOpOf<DataType::kFloat16>(op);
  if (dtype == DataType::kBFloat16) reduction.op = OwnOpOf<DataType::kBFloat16>(op);
  // Open MPI's vectorised sum of bytes saturates at 255 instead of wrapping.
  if (dtype == DataType::kUInt8) reduction.op = OwnOpOf<DataType::kUInt8>(op);
  if (reduction.op == MPI_OP_NULL) return std::nullopt;
  return reduction;
}

}  // namespace ronde
