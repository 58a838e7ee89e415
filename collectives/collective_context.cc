#include "collectives/collective_context.h"

#include <algorithm>
#include <utility>

#include "collectives/host_facts.h"
#include "collectives/shared/shared_channel.h"
#include "core/base/log.h"

namespace ronde {

Result<std::unique_ptr<CollectiveContext>> CollectiveContext::Create(Transport& transport,
                                                                     const Config& config) {
  RONDE_ASSIGN_OR_RETURN(auto communicator, Communicator::Create(transport));
  std::unique_ptr<CollectiveContext> context(
      new CollectiveContext(std::move(communicator), config.GetReal(Setting::kTimeoutS)));
  RONDE_ASSIGN_OR_RETURN(HostFacts facts,
                         AgreeOnHosts(context->communicator_, config, context->NewDeadline()));
  context->costs_ = facts.tuning ? facts.tuning->costs : DefaultCosts(facts.crowding);
  context->tuning_ = std::move(facts.tuning);
  context->local_packages_ = std::move(facts.local_packages);
  context->package_groups_ = PackageGroups(context->local_packages_);
  Transport& local = context->communicator_.local().transport();
  if (local.size() == 1) return context;

  const SharedChannel::Options options = {
      .world_rank = transport.rank(),
      .slot_bytes = static_cast<std::size_t>(config.GetInteger(Setting::kChunkBytes)),
      .wait = WaitPolicy::For(config, local.size(), facts.local_cores)};
  auto channel = SharedChannel::Create(local, options, context->NewDeadline());
  if (channel.ok()) {
    context->channel_ = std::move(channel).value();
  } else if (channel.status().code() == StatusCode::kUnavailable) {
    Log(LogLevel::kInfo, "no shared memory between local ranks: ", channel.status().message());
  } else {
    return channel.status();
  }
  return context;
}

CollectiveContext::CollectiveContext(Communicator communicator, double timeout_s)
    : communicator_(std::move(communicator)), timeout_s_(timeout_s) {}

CollectiveContext::~CollectiveContext() = default;

std::byte* ScratchMemory::Get(std::size_t size_bytes) {
  constexpr std::size_t kAlignment = 64;
  if (size_bytes + kAlignment > size_bytes_) {
    // Doubling keeps the number of growths logarithmic; make_unique would clear the memory.
    size_bytes_ = std::max(size_bytes + kAlignment, 2 * size_bytes_);
    memory_.reset();
    memory_.reset(new std::byte[size_bytes_]);
  }
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
  return memory_.get() + (kAlignment - address % kAlignment) % kAlignment;
}

std::uint64_t CollectiveContext::bytes_on_wire() const {
  return communicator_.transport().bytes_sent() + shared_bytes_;
}

}  // namespace ronde
