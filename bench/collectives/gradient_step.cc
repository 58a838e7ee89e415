#include "bench/collectives/gradient_step.h"

#include <utility>

#include "bench/engine/wait_for_all.h"
#include "collectives/reduce_kernels.h"
#include "core/base/strcat.h"

namespace ronde::bench {

Status CallsStep::Begin() {
  RONDE_RETURN_IF_ERROR(runner_.Begin());
  if (calls_.empty() && how_.flat) {
    AppendCall(tensors_.at(0), static_cast<std::int64_t>(set_.PackedBytes() / SizeOf(set_.dtype)));
  } else if (calls_.empty()) {
    for (std::size_t i = 0; i < set_.counts.size(); ++i) AppendCall(tensors_.at(i), set_.counts[i]);
  }
  for (const CollectiveCall& call : calls_) RONDE_RETURN_IF_ERROR(runner_.Prepare(call));
  return Status::Ok();
}

void CallsStep::AppendCall(std::byte* data, std::int64_t count) {
  CollectiveCall call = set_.CallFor(count);
  call.input = data;
  call.output = data;
  call.input_place = runner_.Find(data, call.OutputBytes());
  call.output_place = call.input_place;
  calls_.push_back(call);
}

Status CallsStep::Run() {
  for (const CollectiveCall& call : calls_) {
    RONDE_RETURN_IF_ERROR(runner_.Run(call));
    if (how_.scale != 1) {
      Scale(call.dtype, call.output, call.output, call.layout.count, how_.scale);
    }
  }
  return Status::Ok();
}

EngineStep::EngineStep(SessionFactory make_session, const GradientSet& set,
                       const GradientTensors* tensors, const Way& way)
    : make_session_(std::move(make_session)), set_(set), tensors_(tensors), way_(way) {}

Status EngineStep::Begin() {
  RONDE_ASSIGN_OR_RETURN(session_, make_session_());
  if (tensors_ == nullptr) {
    RONDE_ASSIGN_OR_RETURN(auto memory, session_->Allocate(set_.PackedBytes()));
    registered_ =
        std::make_unique<GradientTensors>(GradientTensors::PackedIn(set_, std::move(memory)));
  }
  MakeOperations();
  return Status::Ok();
}

void EngineStep::MakeOperations() {
  operations_.clear();
  std::size_t bucket_bytes = 0;
  for (std::size_t i = 0; i < set_.counts.size(); ++i) {
    const bool opens =
        operations_.empty() || way_.grouping == Grouping::kNone ||
        (way_.grouping == Grouping::kBuckets && bucket_bytes >= way_.bucket_size_bytes);
    if (opens) {
      operations_.push_back({StrCat("gradients.", operations_.size()), {}});
      bucket_bytes = 0;
    }
    TensorView view(tensors().at(i), set_.dtype, {set_.counts[i]});
    view.padding_bytes = tensors().padding_bytes(i);
    bucket_bytes += view.size_bytes();
    operations_.back().views.push_back(std::move(view));
  }
}

Status EngineStep::Run() {
  const AllreduceOptions reduction = {.op = set_.op};
  handles_.clear();
  for (const Operation& operation : operations_) {
    const std::vector<TensorView>& views = operation.views;
    handles_.push_back(
        way_.grouping == Grouping::kNone
            ? session_->AllreduceAsync(operation.name, views[0], views[0], reduction)
            : session_->GroupedAllreduceAsync(operation.name, views, views, reduction));
  }
  return WaitForAll(handles_);
}

void EngineStep::End() {
  handles_.clear();
  operations_.clear();
  session_.reset();
  registered_.reset();
}

}  // namespace ronde::bench
