#include <link.h>

#include "collectives/device/nccl/nccl_library.h"
#include "core/base/log.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

int AddIfNccl(dl_phdr_info* info, std::size_t, void* paths) {
  const std::string_view path = info->dlpi_name == nullptr ? "" : info->dlpi_name;
  const std::string_view file = path.substr(path.rfind('/') + 1);
  if (file.starts_with("libnccl.so")) {
    static_cast<std::vector<std::string>*>(paths)->emplace_back(path);
  }
  return 0;
}

}  // namespace

int NcclVersionFor(DeviceKind kind) {
  const Result<NcclApi*> nccl = LoadNccl(kind);
  if (nccl.ok()) return nccl.value()->version();
  Log(LogLevel::kDebug, nccl.status().message());
  return 0;
}

std::string NcclVersionText(int version) {
  // Up to 2.8 the code was 1000 times the major number.
  const int major = version / (version < 10000 ? 1000 : 10000);
  const int rest = version % (version < 10000 ? 1000 : 10000);
  return StrCat(major, ".", rest / 100, ".", rest % 100);
}

Status CheckNcclVersion(int version, std::string_view path) {
  if (version >= kOldestNccl) return Status::Ok();
  return Status::Unavailable(StrCat("NCCL is version ", NcclVersionText(version), " (", path, "), ",
                                    NcclVersionText(kOldestNccl),
                                    " or newer is needed, whose set-up can be given up: install a "
                                    "newer one, or put one first in LD_LIBRARY_PATH"));
}

std::vector<std::string> MappedNccl() {
  std::vector<std::string> paths;
  dl_iterate_phdr(&AddIfNccl, &paths);
  return paths;
}

std::string SeveralNcclWarning(std::span<const std::string> paths, std::string_view used) {
  if (paths.size() < 2) return "";
  std::string list;
  for (const std::string& path : paths) list += StrCat(list.empty() ? "" : ", ", path);
  return StrCat("this process has ", paths.size(), " different libraries of NCCL (", list,
                "), which compete for the same devices; Ronde uses ", used,
                ". Let one be found only: with torch the one of its wheel, so take others out of "
                "LD_LIBRARY_PATH and LD_PRELOAD");
}

}  // namespace ronde
