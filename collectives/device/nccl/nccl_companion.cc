#include "collectives/device/nccl/nccl_companion.h"

#include <memory>
#include <mutex>

#include "collectives/device/nccl/nccl_library.h"

namespace ronde {
namespace {

constexpr const char* kName = "nccl";

/// Thread rule: as DeviceCompanion; guarded by its mutex, which is not held in NCCL.
class NcclCompanion final : public DeviceCompanion {
 public:
  explicit NcclCompanion(const Result<NcclApi*>& nccl) : nccl_(nccl) {}

  /// Engine-only.
  Result<NcclCommunicator*> Communicator(DeviceContext& context);
  /// Engine-only.
  [[nodiscard]] bool usable() const { return failure_.code() != StatusCode::kUnavailable; }

  void Abort() override {
    const std::lock_guard lock(mutex_);
    aborted_ = true;
    if (communicator_) communicator_->Abort();
  }
  Status fault() override {
    const std::lock_guard lock(mutex_);
    return communicator_ ? communicator_->AsyncError() : Status::Ok();
  }

 private:
  const Result<NcclApi*> nccl_;
  Status failure_;  // of its creation
  std::mutex mutex_;
  bool aborted_ = false;
  std::unique_ptr<NcclCommunicator> communicator_;  // set once
};

Result<NcclCommunicator*> NcclCompanion::Communicator(DeviceContext& context) {
  RONDE_RETURN_IF_ERROR(failure_);
  {
    const std::lock_guard lock(mutex_);
    if (communicator_) return communicator_.get();
  }
  CollectiveContext& group = context.group();
  auto made = NcclCommunicator::Create(nccl_, group.transport(), context.device().index(),
                                       group.NewDeadline());
  failure_ = made.status();
  RONDE_RETURN_IF_ERROR(failure_);
  const std::lock_guard lock(mutex_);
  communicator_ = std::move(made).value();
  if (aborted_) communicator_->Abort();
  return communicator_.get();
}

// Nobody else keeps something under this name.
NcclCompanion* CompanionOf(DeviceContext& context) {
  return static_cast<NcclCompanion*>(context.companion(kName));
}

}  // namespace

bool NcclServes(DeviceContext& context) {
  if (const NcclCompanion* kept = CompanionOf(context)) return kept->usable();
  return context.facts().nccl_version > 0 && context.facts().devices_are_distinct;
}

Result<NcclCall> NcclCallFor(DeviceContext& context, DeviceChannel& channel) {
  NcclCompanion* kept = CompanionOf(context);
  if (kept == nullptr) {
    UseNccl(context, LoadNccl(context.device().kind()));
    kept = CompanionOf(context);
  }
  RONDE_ASSIGN_OR_RETURN(NcclCommunicator* const communicator, kept->Communicator(context));
  return NcclCall{*communicator, context.kernels(), channel.stream(),
                  context.group().NewDeadline()};
}

void UseNccl(DeviceContext& context, const Result<NcclApi*>& nccl) {
  context.Keep(kName, std::make_unique<NcclCompanion>(nccl));
}

}  // namespace ronde
