#include "bench/collectives/engine_runner.h"

namespace ronde::bench {
namespace {

constexpr char kName[] = "benchmark";

}  // namespace

Status EngineRunner::Begin() {
  RONDE_ASSIGN_OR_RETURN(session_, make_session_(config_));
  return Status::Ok();
}

Status EngineRunner::Run(const CollectiveCall& call) {
  if (call.collective == Collective::kBroadcast) {
    RONDE_ASSIGN_OR_RETURN(ready_, CopyRoot(call));
  }
  last_ = Submit(call);
  return last_.Wait();
}

Result<std::shared_ptr<const Event>> EngineRunner::CopyRoot(const CollectiveCall& call) {
  std::shared_ptr<const Event> copied;
  if (device_ == nullptr) {
    CopyBroadcastRoot(call, session_->rank());
    return copied;
  }
  if (call.in_place || session_->rank() != call.root) return copied;
  RONDE_RETURN_IF_ERROR(
      device_->device().Copy(call.output, call.input, call.InputBytes(), device_->stream().native));
  return device_->events().Record(device_->stream());
}

Handle EngineRunner::Submit(const CollectiveCall& call) {
  // The engine only reads the input: the view has no const form because it also describes outputs.
  TensorView input(const_cast<void*>(call.input), call.dtype, {call.layout.input_count});
  TensorView output(call.output, call.dtype, {call.layout.output_count});
  for (TensorView* const view : {&input, &output}) {
    view->device = device_ == nullptr ? nullptr : &device_->device();
    view->ready = ready_;
  }
  const AllreduceOptions reduction = {.op = call.op};
  switch (call.collective) {
    case Collective::kAllreduce:
      return session_->AllreduceAsync(kName, input, output, reduction);
    case Collective::kAllgather:
      return session_->AllgatherAsync(kName, input, output);
    case Collective::kReducescatter:
      return session_->ReducescatterAsync(kName, input, output, reduction);
    case Collective::kBroadcast:
      return session_->BroadcastAsync(kName, output, call.root);
    case Collective::kAlltoall:
      return session_->AlltoallAsync(
          kName, input,
          std::vector<std::int64_t>(static_cast<std::size_t>(session_->size()), call.layout.count));
    case Collective::kSendrecv:
      break;
  }
  return Handle::Completed(Status::Internal("a session sends no single messages"));
}

const void* EngineRunner::Output(const CollectiveCall& call) const {
  return call.collective == Collective::kAlltoall ? last_.result().gathered.data() : call.output;
}

}  // namespace ronde::bench
