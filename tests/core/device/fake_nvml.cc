#include "tests/core/device/fake_nvml.h"

#include <cstdint>
#include <cstdio>

namespace ronde {
namespace {

constexpr int kNotFound = 6;  // NVML_ERROR_NOT_FOUND

FakeNvml* machine = nullptr;

std::size_t IndexOf(NvmlTable::Device device) {
  return reinterpret_cast<std::uintptr_t>(device) - 1;
}

const FakeNvml::Gpu& GpuOf(NvmlTable::Device device) { return machine->gpus[IndexOf(device)]; }

int Init() {
  if (!machine->starts) return 9;  // NVML_ERROR_DRIVER_NOT_LOADED
  ++machine->running;
  return 0;
}

int Shutdown() {
  --machine->running;
  return 0;
}

int DeviceCount(unsigned int* count) {
  *count = static_cast<unsigned int>(machine->gpus.size());
  return 0;
}

int DeviceByIndex(unsigned int index, NvmlTable::Device* device) {
  if (!machine->gpus[index].visible) return 4;  // NVML_ERROR_NO_PERMISSION
  *device = reinterpret_cast<NvmlTable::Device>(static_cast<std::uintptr_t>(index) + 1);
  return 0;
}

int PciInfoOf(NvmlTable::Device device, NvmlTable::PciInfo* info) {
  info->bus = GpuOf(device).bus;
  return 0;
}

int NameOf(NvmlTable::Device device, char* text, unsigned int length) {
  std::snprintf(text, length, "%s", GpuOf(device).name.c_str());
  return 0;
}

// Links to the switch come first.
int NvlinkActive(NvmlTable::Device device, unsigned int link, int* active) {
  const FakeNvml::Gpu& gpu = GpuOf(device);
  *active = link < gpu.links_to_switch + gpu.links_to.size();
  return 0;
}

int NvlinkRemoteType(NvmlTable::Device device, unsigned int link, int* type) {
  const bool to_switch = static_cast<int>(link) < GpuOf(device).links_to_switch;
  *type = to_switch ? NvmlTable::kRemoteIsSwitch : 0;
  return 0;
}

int NvlinkRemotePci(NvmlTable::Device device, unsigned int link, NvmlTable::PciInfo* info) {
  const FakeNvml::Gpu& gpu = GpuOf(device);
  const int position = static_cast<int>(link) - gpu.links_to_switch;
  if (position < 0 || position >= static_cast<int>(gpu.links_to.size())) return kNotFound;
  info->bus = machine->gpus[gpu.links_to[position]].bus;
  return 0;
}

int CommonAncestor(NvmlTable::Device a, NvmlTable::Device b, int* level) {
  *level = machine->levels[IndexOf(a)][IndexOf(b)];
  return 0;
}

int P2pStatus(NvmlTable::Device a, NvmlTable::Device b, int, int* status) {
  *status = machine->p2p[IndexOf(a)][IndexOf(b)] ? 0 : 1;  // NVML_P2P_STATUS_CHIPSET_NOT_SUPPORTED
  return 0;
}

}  // namespace

NvmlTable FakeNvml::Table() {
  machine = this;
  NvmlTable table;
  table.init = Init;
  table.shutdown = Shutdown;
  table.device_count = DeviceCount;
  table.device_by_index = DeviceByIndex;
  table.pci_info = PciInfoOf;
  table.name = NameOf;
  table.nvlink_active = NvlinkActive;
  table.nvlink_remote_pci = NvlinkRemotePci;
  table.nvlink_remote_type = NvlinkRemoteType;
  table.common_ancestor = CommonAncestor;
  table.p2p_status = P2pStatus;
  return table;
}

}  // namespace ronde
