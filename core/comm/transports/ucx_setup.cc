// How the ranks agree on UCX: each says what it can do and where it is, and all draw the same
// conclusion.

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <utility>

#include "core/base/config_environment.h"
#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/comm/transports/network_devices.h"
#include "core/comm/transports/ucx_wire.h"

namespace ronde {
namespace {

using Bytes = std::vector<std::byte>;

// What a rank exchanges: a status code, then its contribution, or the text of what went wrong.
// Everybody returns the error of the lowest rank that has one.
Result<std::vector<Bytes>> ExchangeUnlessFailed(const NetWireSetup& setup,
                                                const Result<Bytes>& own) {
  Bytes record = {static_cast<std::byte>(own.status().code())};
  if (own.ok()) {
    record.insert(record.end(), own.value().begin(), own.value().end());
  } else {
    const auto text = std::as_bytes(std::span(own.status().message()));
    record.insert(record.end(), text.begin(), text.end());
  }
  RONDE_ASSIGN_OR_RETURN(std::vector<Bytes> all, setup.exchange(record));
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    const auto code = static_cast<StatusCode>(all[rank].front());
    all[rank].erase(all[rank].begin());
    if (code == StatusCode::kOk) continue;
    const std::string text(reinterpret_cast<const char*>(all[rank].data()), all[rank].size());
    return Status(code, StrCat("rank ", rank, " (host ", setup.host_names[rank], "): ", text));
  }
  return all;
}

// Each address, then the length of its prefix.
Bytes EncodeAddresses(std::span<const DeviceAddress> own) {
  Bytes bytes;
  for (const DeviceAddress& one : own) {
    if (one.host_bound) continue;
    const auto address = std::as_bytes(std::span(one.address));
    bytes.insert(bytes.end(), address.begin(), address.end());
    bytes.push_back(static_cast<std::byte>(one.prefix_bits));
  }
  return bytes;
}

std::vector<DeviceAddress> DecodeAddresses(std::span<const std::byte> bytes) {
  std::vector<DeviceAddress> addresses;
  constexpr std::size_t kBytes = sizeof(DeviceAddress::address);
  for (; bytes.size() > kBytes; bytes = bytes.subspan(kBytes + 1)) {
    DeviceAddress& one = addresses.emplace_back();
    std::memcpy(one.address.data(), bytes.data(), kBytes);
    one.prefix_bits = static_cast<int>(bytes[kBytes]);
  }
  return addresses;
}

std::vector<std::string> InfinibandDevices() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/infiniband", none)) {
    names.push_back(entry.path().filename().string());
  }
  return names;
}

std::string Joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += StrCat(text.empty() ? "" : ",", name);
  return text.empty() ? "all" : text;
}

// UCX's NET_DEVICES. Left to itself UCX takes every interface for a way to every host.
Result<std::string> ChooseDevices(const NetWireSetup& setup) {
  const std::string& setting = setup.config.GetText(Setting::kNetworkInterface);
  const std::vector<DeviceAddress> own = OwnDeviceAddresses();
  const std::vector<std::string> infiniband = InfinibandDevices();
  Result<std::vector<std::string>> devices = std::vector<std::string>{};
  if (setting != "auto") devices = NamedDevices(setting, own, infiniband);
  const Result<Bytes> offer =
      devices.ok() ? Result<Bytes>(EncodeAddresses(own)) : Result<Bytes>(devices.status());
  RONDE_ASSIGN_OR_RETURN(const std::vector<Bytes> all, ExchangeUnlessFailed(setup, offer));
  if (setting != "auto") return Joined(devices.value());
  // There it knows what is fastest, and what leads where.
  if (!infiniband.empty()) return std::string("all");
  std::map<std::string, std::vector<DeviceAddress>> hosts;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    hosts.emplace(setup.host_ids[rank], DecodeAddresses(all[rank]));
  }
  std::vector<std::vector<DeviceAddress>> by_host;
  for (auto& [id, addresses] : hosts) by_host.push_back(std::move(addresses));
  return Joined(CommonDevices(own, by_host));
}

// What the user has set in UCX's own variables stays.
std::vector<UcxSetting> SettingsFor(const std::string& devices) {
  std::vector<UcxSetting> settings = {
      // What goes wrong is in the results; UCX would say it on stderr too, on every rank.
      {"LOG_LEVEL", "fatal"},
      // Shared memory is for the ranks of a host, who do not use this wire. Hosts that are network
      // namespaces of one machine could reach each other through it, past the network.
      {"TLS", "^shm"},
      // Of a few system calls in place of many: 64 KiB over TCP take half the time.
      {"TCP_TX_SEG_SIZE", "128K"},
      {"TCP_RX_SEG_SIZE", "128K"},
      {"NET_DEVICES", devices}};
  // Over TCP the handshake of a rendezvous queues behind what the other direction has in its
  // buffers: two ranks that exchange large messages would take turns, at half the rate. Receives
  // are posted early, so that little has to be kept for later.
  if (InfinibandDevices().empty()) settings.push_back({"RNDV_THRESH", "128M"});
  std::erase_if(settings, [](const UcxSetting& setting) {
    return !EnvironmentValue(StrCat("UCX_", setting.name)).empty();
  });
  return settings;
}

Result<std::unique_ptr<UcxContext>> CreateContext(const Result<const UcxLibrary*>& library,
                                                  const std::string& devices) {
  RONDE_RETURN_IF_ERROR(library.status());
  return UcxContext::Create(*library.value(), SettingsFor(devices));
}

// Of the wire, whatever the setting.
Result<std::pair<std::unique_ptr<UcxContext>, std::vector<Bytes>>> Agree(
    const NetWireSetup& setup) {
  RONDE_ASSIGN_OR_RETURN(const std::string devices, ChooseDevices(setup));
  Result<std::unique_ptr<UcxContext>> context = CreateContext(UcxLibrary::Load(), devices);
  const Result<Bytes> address =
      context.ok() ? Result<Bytes>(context.value()->address()) : Result<Bytes>(context.status());
  RONDE_ASSIGN_OR_RETURN(std::vector<Bytes> addresses, ExchangeUnlessFailed(setup, address));
  return std::pair(std::move(context).value(), std::move(addresses));
}

}  // namespace

Result<std::unique_ptr<NetWire>> UcxWire::Create(const NetWireSetup& setup) {
  auto agreed = Agree(setup);
  if (agreed.ok()) {
    auto [context, addresses] = std::move(agreed).value();
    return std::unique_ptr<NetWire>(new UcxWire(setup, std::move(context), std::move(addresses)));
  }
  const bool must = setup.config.GetText(Setting::kNetTransport) == "ucx";
  if (must || agreed.status().code() != StatusCode::kUnavailable) return agreed.status();
  if (setup.rank == 0) {
    Log(LogLevel::kWarning, "MPI carries the data between hosts: ", agreed.status().message());
  }
  return std::unique_ptr<NetWire>();
}

}  // namespace ronde
