#include "core/comm/host_identity.h"

#include <unistd.h>

#include <array>
#include <fstream>

#include "core/base/strcat.h"

namespace ronde {

std::string HostName() {
  std::array<char, 256> name = {};
  if (gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string MachineId() {
  std::string boot_id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot_id);
  return boot_id;
}

std::string DerivedHostId() {
  std::array<char, 64> network = {};
  if (readlink("/proc/self/ns/net", network.data(), network.size() - 1) < 0) network[0] = '?';
  return StrCat(MachineId(), "/", HostName(), "/", network.data());
}

}  // namespace ronde
