#include "bench/collectives/direct_runner.h"

#include "collectives/allgather/allgather.h"
#include "collectives/alltoall/alltoall.h"
#include "collectives/barrier/barrier.h"
#include "collectives/broadcast/broadcast.h"
#include "collectives/reducescatter/reducescatter.h"
#include "core/comm/transport_table.h"

namespace ronde::bench {
namespace {

constexpr int kSendReceiveTag = 1000;  // of no collective

AllreduceArguments ToAllreduce(const CollectiveCall& call) {
  AllreduceArguments arguments;
  arguments.input = call.input;
  arguments.output = call.output;
  arguments.count = call.layout.count;
  arguments.dtype = call.dtype;
  arguments.op = call.op;
  arguments.input_place = call.input_place;
  arguments.output_place = call.output_place;
  return arguments;
}

AllgatherArguments ToAllgather(const CollectiveCall& call, std::span<const std::int64_t> bytes) {
  return {call.input, call.output, bytes, call.output_place};
}

ReducescatterArguments ToReducescatter(const CollectiveCall& call,
                                       std::span<const std::int64_t> counts) {
  ReducescatterArguments arguments;
  arguments.input = call.input;
  arguments.output = call.output;
  arguments.rank_counts = counts;
  arguments.dtype = call.dtype;
  arguments.op = call.op;
  arguments.input_place = call.input_place;
  return arguments;
}

AlltoallArguments ToAlltoall(const CollectiveCall& call, std::span<const std::int64_t> bytes) {
  return {call.input, call.output, bytes, call.input_place};
}

BroadcastArguments ToBroadcast(const CollectiveCall& call) {
  return {call.output, call.OutputBytes(), call.root, call.output_place};
}

}  // namespace

Result<std::unique_ptr<DirectRunner>> DirectRunner::Create(const Config& config) {
  RONDE_ASSIGN_OR_RETURN(std::unique_ptr<Transport> transport, CreateLaunchedWorld(config));
  return CreateOn(std::move(transport), config);
}

Result<std::unique_ptr<DirectRunner>> DirectRunner::CreateOn(std::unique_ptr<Transport> transport,
                                                             const Config& config) {
  RONDE_ASSIGN_OR_RETURN(auto context, CollectiveContext::Create(*transport, config));
  RONDE_ASSIGN_OR_RETURN(Selector selector, Selector::Create(config, context->tuning()));
  auto runner =
      std::unique_ptr<DirectRunner>(new DirectRunner(std::move(transport), std::move(selector)));
  runner->context_ = std::move(context);
  return runner;
}

Status DirectRunner::Run(const CollectiveCall& call) {
  switch (call.collective) {
    case Collective::kAllreduce:
      return Allreduce(ToAllreduce(call));
    case Collective::kAllgather:
      return ronde::Allgather(*context_, ToAllgather(call, Repeated(call.BlockBytes(), size())));
    case Collective::kReducescatter:
      return ronde::Reducescatter(*context_,
                                  ToReducescatter(call, Repeated(call.layout.count, size())));
    case Collective::kBroadcast:
      CopyBroadcastRoot(call, rank());
      return ronde::Broadcast(*context_, ToBroadcast(call));
    case Collective::kAlltoall:
      return ronde::Alltoall(*context_,
                             ToAlltoall(call, Repeated(call.BlockBytes(), size() * size())));
    case Collective::kSendrecv:
      return SendReceiveRing(call);
  }
  return Status::Internal("no such collective");
}

Status DirectRunner::Allreduce(const AllreduceArguments& arguments) {
  RONDE_ASSIGN_OR_RETURN(const AllreduceAlgorithm* algorithm,
                         selector_.Choose(*context_, arguments));
  return algorithm->Run(*context_, arguments);
}

Status DirectRunner::SendReceiveRing(const CollectiveCall& call) {
  if (size() == 1) {
    std::memcpy(call.output, call.input, call.OutputBytes());
    return Status::Ok();
  }
  return context_->transport().SendReceive(
      (rank() + 1) % size(), {static_cast<const std::byte*>(call.input), call.InputBytes()},
      (rank() + size() - 1) % size(), {static_cast<std::byte*>(call.output), call.OutputBytes()},
      kSendReceiveTag, context_->NewDeadline());
}

Status DirectRunner::Barrier() { return ronde::Barrier(*context_); }

std::string DirectRunner::AlgorithmFor(const CollectiveCall& call) {
  switch (call.collective) {
    case Collective::kAllreduce: {
      const auto algorithm = selector_.Choose(*context_, ToAllreduce(call));
      return algorithm.ok() ? std::string(algorithm.value()->name()) : "none";
    }
    case Collective::kAllgather:
      return std::string(
          AllgatherAlgorithm(*context_, ToAllgather(call, Repeated(call.BlockBytes(), size()))));
    case Collective::kReducescatter:
      return std::string(ReducescatterAlgorithm(
          *context_, ToReducescatter(call, Repeated(call.layout.count, size()))));
    case Collective::kBroadcast:
      return std::string(BroadcastAlgorithm(*context_, ToBroadcast(call)));
    case Collective::kAlltoall:
      return std::string(AlltoallAlgorithm(
          *context_, ToAlltoall(call, Repeated(call.BlockBytes(), size() * size()))));
    case Collective::kSendrecv:
      return size() == 1 ? "copy" : "send_receive";
  }
  return "none";
}

Status DirectRunner::CheckChoice(const CollectiveCall& call) {
  if (call.collective != Collective::kAllreduce) return Status::Ok();
  return selector_.Choose(*context_, ToAllreduce(call)).status();
}

std::span<const std::int64_t> DirectRunner::Repeated(std::int64_t value, int times) {
  const auto wanted = static_cast<std::size_t>(times);
  if (repeated_.size() != wanted || repeated_.front() != value) repeated_.assign(wanted, value);
  return repeated_;
}

Result<std::shared_ptr<std::byte>> DirectRunner::AllocateRegistered(std::size_t size_bytes) {
  return context_->registered().Allocate(context_->communicator().local().transport(), size_bytes,
                                         context_->NewDeadline());
}

Status DirectRunner::Max(std::vector<double>& values) { return Reduce(values, ReduceOp::kMax); }

Status DirectRunner::Sum(std::vector<double>& values) { return Reduce(values, ReduceOp::kSum); }

Status DirectRunner::Agree(const Status& mine) {
  std::vector<double> failures = {mine.ok() ? 0.0 : 1.0};
  RONDE_RETURN_IF_ERROR(Sum(failures));
  if (!mine.ok() || failures[0] == 0) return mine;
  return Status::InvalidArgument("another rank failed");
}

Status DirectRunner::Reduce(std::vector<double>& values, ReduceOp op) {
  AllreduceArguments arguments;
  arguments.input = values.data();
  arguments.output = values.data();
  arguments.count = static_cast<std::int64_t>(values.size());
  arguments.dtype = DataType::kFloat64;
  arguments.op = op;
  // Figures lie in ordinary memory, where what --allreduce-algorithm names may not run.
  RONDE_ASSIGN_OR_RETURN(const Selector any, Selector::Create(Config()));
  RONDE_ASSIGN_OR_RETURN(const AllreduceAlgorithm* algorithm, any.Choose(*context_, arguments));
  return algorithm->Run(*context_, arguments);
}

}  // namespace ronde::bench
