#include "collectives/collective_context.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <utility>

#include "collectives/host_facts.h"
#include "collectives/shared/set_up_exchange.h"
#include "collectives/shared/shared_channel.h"
#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {

namespace {

// How much longer ranks of a host wait for one another than for other hosts.
constexpr double kLocalGraceS = 1;

// The autotuner may try chunks up to this size.
constexpr std::size_t kLargestTriedChunkBytes = 1 << 20;

// The same numbers, counted from 0 without gaps.
void CloseGaps(std::vector<int>* numbers) {
  std::vector<int> used = *numbers;
  std::sort(used.begin(), used.end());
  used.erase(std::unique(used.begin(), used.end()), used.end());
  for (int& number : *numbers) {
    number = static_cast<int>(std::lower_bound(used.begin(), used.end(), number) - used.begin());
  }
}

}  // namespace

Result<std::unique_ptr<CollectiveContext>> CollectiveContext::Create(Transport& transport,
                                                                     const Config& config) {
  const double timeout_s = config.GetReal(Setting::kTimeoutS);
  RONDE_ASSIGN_OR_RETURN(auto communicator,
                         Communicator::Create(transport, Deadline::After(timeout_s)));
  std::unique_ptr<CollectiveContext> context(
      new CollectiveContext(std::move(communicator), timeout_s));
  RONDE_ASSIGN_OR_RETURN(HostFacts facts,
                         AgreeOnHosts(*context->communicator_, config, context->NewDeadline()));
  context->costs_ = facts.tuning ? facts.tuning->costs : DefaultCosts(facts.crowding);
  context->tuning_ = std::move(facts.tuning);
  context->local_packages_ = std::move(facts.local_packages);
  context->package_groups_ = PackageGroups(context->local_packages_);
  const int local_ranks = context->communicator_->local().size();
  context->registered_parts_.resize(static_cast<std::size_t>(local_ranks));
  std::iota(context->registered_parts_.begin(), context->registered_parts_.end(), 0);
  const Config tuned = WithTuning(config, context->tuning());
  context->chunk_bytes_ = static_cast<std::size_t>(tuned.GetInteger(Setting::kChunkBytes));
  context->slot_bytes_ = context->chunk_bytes_;
  if (config.GetSwitch(Setting::kAutotune)) {
    context->slot_bytes_ = std::max(context->slot_bytes_, kLargestTriedChunkBytes);
  }
  context->wait_ = WaitPolicy::For(config, local_ranks, facts.local_cores);
  RONDE_RETURN_IF_ERROR(context->ReadNetworkSettings(tuned));
  RONDE_RETURN_IF_ERROR(context->OpenChannel(transport.rank()));
  RONDE_RETURN_IF_ERROR(context->OpenSubgroups());
  return context;
}

Result<std::unique_ptr<CollectiveContext>> CollectiveContext::CreateWithin(
    CollectiveContext& world, std::unique_ptr<Transport> group,
    std::span<const std::int64_t> members) {
  RONDE_ASSIGN_OR_RETURN(auto communicator, Communicator::Create(*group, world.NewDeadline()));
  std::unique_ptr<CollectiveContext> context(
      new CollectiveContext(std::move(communicator), world.timeout_s_));
  context->owned_ = std::move(group);
  context->world_ = &world;
  context->is_process_set_ = true;
  context->number_ = ++world.last_number_;
  context->slot_bytes_ = world.slot_bytes_;
  // The world's ranks share the cores, whichever set is at work.
  context->wait_ = world.wait_;
  context->TakeOverFacts(members);
  RONDE_RETURN_IF_ERROR(context->OpenChannel(world.rank()));
  RONDE_RETURN_IF_ERROR(context->OpenSubgroups());
  return context;
}

void CollectiveContext::TakeOverFacts(std::span<const std::int64_t> members) {
  const Transport& everyone = world_->transport();
  std::size_t member = 0;
  int local_rank = 0;  // in the world
  for (int rank = 0; rank < everyone.size(); ++rank) {
    const bool is_member = member < members.size() && members[member] == rank;
    if (is_member) ++member;
    if (everyone.host_id(rank) != everyone.host_id(everyone.rank())) continue;
    if (is_member) {
      registered_parts_.push_back(local_rank);
      local_packages_.push_back(world_->local_packages_[static_cast<std::size_t>(local_rank)]);
    }
    ++local_rank;
  }
  CloseGaps(&local_packages_);
  package_groups_ = PackageGroups(local_packages_);
}

Status CollectiveContext::OpenChannel(int world_rank) {
  Transport& local = communicator_->local().transport();
  if (local.size() == 1) return Status::Ok();
  const SharedChannel::Options options = {
      .world_rank = world_rank, .slot_bytes = slot_bytes_, .wait = wait_};
  auto channel = SharedChannel::Create(local, options, NewDeadline());
  if (channel.ok()) {
    channel_ = std::move(channel).value();
  } else if (channel.status().code() == StatusCode::kUnavailable) {
    Log(LogLevel::kInfo, "no shared memory between local ranks: ", channel.status().message());
  } else {
    return channel.status();
  }
  return Status::Ok();
}

Status CollectiveContext::ReadNetworkSettings(const Config& config) {
  const std::string& hierarchy = config.GetText(Setting::kHierarchy);
  if (hierarchy == "flat") hierarchy_ = Hierarchy::kFlat;
  if (hierarchy == "leader") hierarchy_ = Hierarchy::kLeader;
  if (hierarchy == "rails") hierarchy_ = Hierarchy::kRails;
  wire_format_ = WireFormatOf(config);
  // One that is malformed is the Selector's to refuse.
  const auto rules = ParseSizeRules(config.GetText(Setting::kAllreduceAlgorithm));
  for (const SizeRule& rule : rules.ok() ? rules.value() : std::vector<SizeRule>()) {
    if (rule.part != RulePart::kWhole) part_rules_.push_back(rule);
  }
  if (hierarchy_ != Hierarchy::kRails || communicator_->hosts_are_even()) return Status::Ok();
  return Status::InvalidArgument(StrCat(
      SpecOf(Setting::kHierarchy).flag, " rails needs equally many ranks on every host, but of ",
      communicator_->host_count(), " hosts some have ", communicator_->fewest_ranks_per_host(),
      " and some ", communicator_->most_ranks_per_host(), "; use leader or auto"));
}

Hierarchy CollectiveContext::hierarchy() const {
  if (!world_->hierarchical_) return Hierarchy::kFlat;
  const bool impossible =
      world_->hierarchy_ == Hierarchy::kRails && !communicator_->hosts_are_even();
  return impossible ? Hierarchy::kAuto : world_->hierarchy_;
}

// A host is asked through its lowest rank; the answer is the least of all.
Result<bool> CollectiveContext::AllHostsHaveChannels() {
  Transport& local = communicator_->local().transport();
  std::array<std::uint8_t, 1> all = {channel_ != nullptr || local.size() == 1};
  if (local.rank() == 0) {
    Transport& leaders = communicator_->cross().transport();
    std::vector<std::uint8_t> hosts(static_cast<std::size_t>(leaders.size()));
    hosts[static_cast<std::size_t>(leaders.rank())] = all[0];
    RONDE_RETURN_IF_ERROR(ExchangeRecords(leaders, &hosts, NewDeadline()));
    all[0] = *std::min_element(hosts.begin(), hosts.end());
  }
  RONDE_RETURN_IF_ERROR(ShareBytes(local, std::as_writable_bytes(std::span(all)), NewDeadline()));
  return all[0] != 0;
}

Status CollectiveContext::OpenSubgroups() {
  if (communicator_->single_host()) {
    hosts_share_memory_ = channel_ != nullptr || communicator_->size() == 1;
  } else if (communicator_->most_ranks_per_host() > 1) {
    RONDE_ASSIGN_OR_RETURN(hosts_share_memory_, AllHostsHaveChannels());
  }
  const auto view = [this](Communicator& group) {
    return std::unique_ptr<CollectiveContext>(new CollectiveContext(*this, group));
  };
  if (Communicator& local = communicator_->local(); &local != communicator_) {
    local_ = view(local);
    local_->timeout_s_ += kLocalGraceS;
    local_->borrowed_channel_ = channel_.get();
    local_->registered_parts_ = registered_parts_;
    local_->local_packages_ = local_packages_;
    local_->package_groups_ = package_groups_;
    local_->hosts_share_memory_ = channel_ != nullptr || local.size() == 1;
  }
  if (Communicator& cross = communicator_->cross(); &cross != communicator_) {
    cross_ = view(cross);
    const auto own = static_cast<std::size_t>(communicator_->local().rank());
    cross_->registered_parts_ = {registered_parts_[own]};
    cross_->local_packages_ = {0};
    cross_->package_groups_ = PackageGroups(cross_->local_packages_);
  }
  return Status::Ok();
}

CollectiveContext::CollectiveContext(Communicator communicator, double timeout_s)
    : owned_communicator_(std::move(communicator)),
      communicator_(&*owned_communicator_),
      timeout_s_(timeout_s) {}

CollectiveContext::CollectiveContext(CollectiveContext& outer, Communicator& group)
    : communicator_(&group),
      timeout_s_(outer.timeout_s_),
      world_(outer.world_),
      is_process_set_(outer.is_process_set_),
      number_(++outer.world_->last_number_),
      wait_(outer.wait_) {}

CollectiveContext::~CollectiveContext() = default;

SharedChannel* CollectiveContext::shared_channel() {
  // The world does not know its process sets, so each looks for itself.
  SharedChannel* const channel = channel_ ? channel_.get() : borrowed_channel_;
  if (channel != nullptr) channel->set_slot_bytes(world_->chunk_bytes_);
  return channel;
}

void ScratchMemory::Grow(std::size_t size_bytes) {
  // Doubling keeps the number of growths logarithmic; make_unique would clear the memory.
  size_bytes_ = std::max(size_bytes + kAlignment, 2 * size_bytes_);
  memory_.reset();
  memory_.reset(new std::byte[size_bytes_]);
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.get());
  aligned_ = memory_.get() + (kAlignment - address % kAlignment) % kAlignment;
}

std::uint64_t CollectiveContext::bytes_on_wire() const {
  return world_->communicator_->transport().bytes_sent() + world_->shared_bytes_;
}

}  // namespace ronde
