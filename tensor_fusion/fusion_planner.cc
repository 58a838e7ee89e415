#include "tensor_fusion/fusion_planner.h"

#include "tensor_fusion/pack.h"

namespace ronde {
namespace {

std::size_t PayloadBytes(const Request& request) {
  return static_cast<std::size_t>(ElementCount(request.shape)) * SizeOf(request.dtype);
}

std::size_t PackedBytes(const Request& request) {
  if (request.group_counts.empty()) return PackedSize(PayloadBytes(request));
  std::size_t packed_bytes = 0;
  for (const std::int64_t count : request.group_counts) {
    packed_bytes += PackedSize(static_cast<std::size_t>(count) * SizeOf(request.dtype));
  }
  return packed_bytes;
}

// In registered memory nothing is copied: from a certain size on that is worth more than sharing
// an operation, for which it would have to be packed.
bool RunsInPlaceOfMemory(const Request& request) {
  constexpr std::size_t kAtLeastBytes = 16 << 10;
  return request.input_place.registered() && request.output_place.registered() &&
         PayloadBytes(request) >= kAtLeastBytes;
}

bool SameKind(const Request& a, const Request& b) {
  return a.process_set == b.process_set && a.on_device == b.on_device && a.dtype == b.dtype &&
         a.op == b.op && a.prescale == b.prescale && a.postscale == b.postscale;
}

}  // namespace

std::span<const FusionBatch> FusionPlanner::Plan(std::span<const ReadyOperation> operations) {
  drafts_.clear();
  open_.clear();
  draft_of_.resize(operations.size());
  members_.resize(operations.size());
  batches_.clear();

  for (std::uint32_t i = 0; i < operations.size(); ++i) {
    const std::uint32_t draft = DraftFor(operations, i);
    draft_of_[i] = draft;
    ++drafts_[draft].count;
    drafts_[draft].packed_bytes += PackedBytes(operations[i].response->request);
  }

  std::uint32_t begin = 0;
  for (Draft& draft : drafts_) {
    draft.slot = begin;
    batches_.push_back({std::span(members_).subspan(begin, draft.count), draft.packed_bytes});
    begin += draft.count;
  }
  for (std::uint32_t i = 0; i < operations.size(); ++i) {
    members_[drafts_[draft_of_[i]].slot++] = i;
  }
  return batches_;
}

std::uint32_t FusionPlanner::DraftFor(std::span<const ReadyOperation> operations,
                                      std::uint32_t position) {
  const Request& request = operations[position].response->request;
  const std::size_t size_bytes = PayloadBytes(request);
  if (request.kind != OperationKind::kAllreduce || !IsElementwise(request.op) ||
      size_bytes > threshold_bytes_ || RunsInPlaceOfMemory(request)) {
    return NewDraft(position);
  }
  for (std::uint32_t& open : open_) {
    const Draft& draft = drafts_[open];
    if (!SameKind(operations[draft.first].response->request, request)) continue;
    if (draft.packed_bytes + size_bytes > threshold_bytes_) open = NewDraft(position);
    return open;
  }
  open_.push_back(NewDraft(position));
  return open_.back();
}

std::uint32_t FusionPlanner::NewDraft(std::uint32_t position) {
  drafts_.push_back(Draft{.first = position});
  return static_cast<std::uint32_t>(drafts_.size() - 1);
}

}  // namespace ronde
