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

std::string DerivedHostId() {
  std::string boot_id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot_id);
  std::array<char, 64> network = {};
  if (readlink("/proc/self/ns/net", network.data(), network.size() - 1) < 0) network[0] = '?';
  return StrCat(boot_id, "/", HostName(), "/", network.data());
}

}  // namespace ronde
