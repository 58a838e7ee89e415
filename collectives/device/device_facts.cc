#include "collectives/device/device_facts.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>
#include <string_view>

#include "collectives/device/kernels/peer_flags.h"
#include "collectives/device/nccl/nccl_library.h"
#include "collectives/shared/set_up_exchange.h"
#include "core/base/strcat.h"
#include "core/device/device_links.h"
#include "core/device/process_token.h"

namespace ronde {
namespace {

constexpr std::size_t kTextBytes = 240;

void SetText(std::array<char, kTextBytes>* target, std::string_view text) {
  const std::size_t size_bytes = std::min(text.size(), target->size() - 1);
  std::memcpy(target->data(), text.data(), size_bytes);
}

// What a rank tells the others of itself.
struct Introduction {
  std::int32_t world_rank = 0;
  std::int32_t concurrent_blocks = 0;
  std::int32_t nccl_version = 0;
  StatusCode usable = StatusCode::kOk;
  std::uint8_t has_device = 0;
  std::uint8_t gpu_direct = 0;
  DeviceKind kind = DeviceKind::kCuda;
  // Equal for ranks of a host that work on one device.
  std::array<std::byte, 32> identity = {};
  std::array<char, kTextBytes> text = {};  // why the device cannot be used
};

// Devices are numbered by each process for itself (CUDA_VISIBLE_DEVICES), but they have one address
// on the machine; where there is none, the process and its object make one.
std::array<std::byte, 32> IdentityOf(const Device& device) {
  std::array<std::byte, 32> identity = {};
  if (const std::string& address = device.info().pci_bus_id; !address.empty()) {
    std::memcpy(identity.data(), address.data(), std::min(address.size(), identity.size() - 1));
    return identity;
  }
  const ProcessToken process = ThisProcess();
  const Device* const object = &device;
  std::memcpy(identity.data(), process.data(), process.size());
  std::memcpy(identity.data() + process.size(), &object, sizeof object);
  return identity;
}

Introduction Introduce(const DevicePart& part) {
  Introduction own;
  own.world_rank = part.world_rank;
  own.usable = part.usable.code();
  own.gpu_direct = part.gpu_direct ? 1 : 0;
  SetText(&own.text, part.usable.message());
  if (part.device == nullptr) return own;
  own.has_device = 1;
  own.kind = part.device->kind();
  own.concurrent_blocks = part.device->concurrent_blocks();
  own.nccl_version = NcclVersionFor(part.device->kind());
  own.identity = IdentityOf(*part.device);
  return own;
}

std::string NameOf(CollectiveContext& group, const std::vector<Introduction>& all, int rank) {
  return StrCat("rank ", all[static_cast<std::size_t>(rank)].world_rank, " on host ",
                group.transport().host_name(rank));
}

// A rank that differs from rank 0, or whose device cannot be used, in words that are the same
// everywhere.
Status CheckAlike(CollectiveContext& group, const std::vector<Introduction>& all) {
  const auto describe = [](const Introduction& rank) {
    return rank.has_device != 0 ? StrCat("a ", Name(rank.kind), " device") : "no device";
  };
  const Introduction& first = all.front();
  for (int rank = 0; rank < group.size(); ++rank) {
    const Introduction& other = all[static_cast<std::size_t>(rank)];
    if (first.has_device != 0 && other.has_device != 0 && first.kind == other.kind) continue;
    if (rank == 0 && group.size() > 1) continue;
    return Status::InvalidArgument(
        StrCat("a collective of device memory needs a device of one kind on every rank, but ",
               NameOf(group, all, 0), " has ", describe(first), " and ", NameOf(group, all, rank),
               " has ", describe(other), "; start all ranks with the same --device"));
  }
  for (int rank = 0; rank < group.size(); ++rank) {
    const Introduction& other = all[static_cast<std::size_t>(rank)];
    if (other.usable == StatusCode::kOk) continue;
    return {other.usable, StrCat(NameOf(group, all, rank),
                                 " cannot use its device for collectives: ", other.text.data())};
  }
  return Status::Ok();
}

// What lies between the devices of this host's ranks.
DeviceLinkKind LinkOnThisHost(CollectiveContext& group, const std::vector<Introduction>& all) {
  const Communicator& communicator = group.communicator();
  std::set<std::array<std::byte, 32>> devices;
  std::vector<std::string> addresses;
  for (const int rank :
       communicator.ranks_of_hosts()[static_cast<std::size_t>(communicator.host())]) {
    const Introduction& introduction = all[static_cast<std::size_t>(rank)];
    if (!devices.insert(introduction.identity).second) continue;
    addresses.emplace_back(reinterpret_cast<const char*>(introduction.identity.data()));
  }
  if (devices.size() == 1) return DeviceLinkKind::kSameDevice;
  if (all.front().kind != DeviceKind::kCuda) return DeviceLinkKind::kPcie;
  const DeviceReach reach = DetectDeviceLinks().WorstAmong(addresses);
  return reach == DeviceReach::kNvlink ? DeviceLinkKind::kNvLink : DeviceLinkKind::kPcie;
}

Result<DeviceLinkKind> SlowestLink(CollectiveContext& group, const std::vector<Introduction>& all) {
  std::vector<DeviceLinkKind> links(all.size());
  links[static_cast<std::size_t>(group.rank())] = LinkOnThisHost(group, all);
  RONDE_RETURN_IF_ERROR(ExchangeRecords(group.transport(), &links, group.NewDeadline()));
  return *std::max_element(links.begin(), links.end());
}

// How many ranks work on the device that most work on.
int MostOnOneDevice(CollectiveContext& group, const std::vector<Introduction>& all) {
  int most = 1;
  for (const std::vector<int>& ranks : group.communicator().ranks_of_hosts()) {
    std::map<std::array<std::byte, 32>, int> counts;
    for (const int rank : ranks) {
      most = std::max(most, ++counts[all[static_cast<std::size_t>(rank)].identity]);
    }
  }
  return most;
}

}  // namespace

Result<DeviceAgreement> AgreeOnDevices(CollectiveContext& group, const DevicePart& part) {
  std::vector<Introduction> all(static_cast<std::size_t>(group.size()));
  all[static_cast<std::size_t>(group.rank())] = Introduce(part);
  RONDE_RETURN_IF_ERROR(ExchangeRecords(group.transport(), &all, group.NewDeadline()));
  RONDE_RETURN_IF_ERROR(CheckAlike(group, all));

  DeviceAgreement agreement;
  const auto fewest = std::min_element(all.begin(), all.end(),
                                       [](const Introduction& left, const Introduction& right) {
                                         return left.concurrent_blocks < right.concurrent_blocks;
                                       });
  const bool one_nccl = std::all_of(all.begin(), all.end(), [&all](const Introduction& rank) {
    return rank.nccl_version == all.front().nccl_version;
  });
  const int sharing = MostOnOneDevice(group, all);
  agreement.facts.kind = all.front().kind;
  agreement.facts.nccl_version = one_nccl ? all.front().nccl_version : 0;
  agreement.facts.devices_are_distinct = sharing == 1;
  agreement.facts.gpu_direct = agreement.facts.kind == DeviceKind::kCuda &&
                               std::all_of(all.begin(), all.end(), [](const Introduction& rank) {
                                 return rank.gpu_direct != 0;
                               });
  agreement.facts.peer_blocks =
      std::clamp(fewest->concurrent_blocks / (sharing * part.channels), 1, kMaxPeerBlocks);
  RONDE_ASSIGN_OR_RETURN(agreement.facts.link, SlowestLink(group, all));
  const Communicator& communicator = group.communicator();
  for (const int rank :
       communicator.ranks_of_hosts()[static_cast<std::size_t>(communicator.host())]) {
    agreement.local_names.push_back(NameOf(group, all, rank));
  }
  return agreement;
}

Result<bool> AgreeOnReach(CollectiveContext& group, const Status& failure, bool reachable) {
  struct Answer {
    StatusCode failure = StatusCode::kOk;
    std::uint8_t reachable = 0;
    std::array<char, kTextBytes> text = {};
  };
  std::vector<Answer> all(static_cast<std::size_t>(group.size()));
  Answer& own = all[static_cast<std::size_t>(group.rank())];
  own.failure = failure.code();
  own.reachable = reachable;
  SetText(&own.text, failure.message());
  RONDE_RETURN_IF_ERROR(ExchangeRecords(group.transport(), &all, group.NewDeadline()));
  for (const Answer& answer : all) {
    if (answer.failure != StatusCode::kOk) return Status(answer.failure, answer.text.data());
  }
  return std::all_of(all.begin(), all.end(),
                     [](const Answer& answer) { return answer.reachable != 0; });
}

}  // namespace ronde
