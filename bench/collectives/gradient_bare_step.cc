#include "bench/collectives/gradient_bare_step.h"

#include <utility>

#include "core/base/strcat.h"
#include "tensor_fusion/fused_executor.h"

namespace ronde::bench {

Status BareStep::Begin() {
  CollectiveContext& context = direct_.context();
  RONDE_ASSIGN_OR_RETURN(Selector selector, Selector::Create(config_, context.tuning()));
  const std::int64_t threshold = config_.GetInteger(Setting::kFusionThresholdBytes);
  executor_ = std::make_unique<FusedExecutor>(context, std::move(selector),
                                              static_cast<std::size_t>(threshold));
  return Status::Ok();
}

Request BareStep::RequestFor(std::size_t tensor) const {
  Request request;
  request.name = StrCat("gradients.", tensor);
  request.dtype = set_.dtype;
  request.op = set_.op;
  request.shape = {set_.counts[tensor]};
  request.input_place = direct_.Find(tensors_.at(tensor), set_.SizeBytes(tensor));
  request.output_place = request.input_place;
  return request;
}

Status BareStep::Prepare() {
  operations_.clear();
  handles_.clear();
  for (std::size_t i = 0; i < set_.counts.size(); ++i) {
    TensorView view(tensors_.at(i), set_.dtype, {set_.counts[i]});
    view.padding_bytes = tensors_.padding_bytes(i);
    auto response = std::make_shared<Response>();
    response->request = RequestFor(i);
    TensorEntry entry;
    entry.request = response->request;
    entry.input = view;
    entry.output = view;
    handles_.push_back(entry.handle);
    operations_.emplace_back(std::move(response), std::move(entry));
  }
  return Status::Ok();
}

Status BareStep::Run() {
  RONDE_RETURN_IF_ERROR(executor_->Execute(operations_));
  for (const Handle& handle : handles_) RONDE_RETURN_IF_ERROR(handle.Wait());
  return Status::Ok();
}

}  // namespace ronde::bench
