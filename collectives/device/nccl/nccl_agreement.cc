#include "collectives/device/nccl/nccl_agreement.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "collectives/device/nccl/nccl_library.h"
#include "collectives/shared/set_up_exchange.h"
#include "core/base/strcat.h"

namespace ronde {
namespace {

// A Status and a number that travel.
struct Report {
  std::int32_t code = 0;
  std::int32_t version = 0;
  char text[504] = {};

  [[nodiscard]] StatusCode status_code() const { return static_cast<StatusCode>(code); }
  [[nodiscard]] std::string message() const { return {text, strnlen(text, sizeof(text))}; }
};

Report ReportOf(const Status& status, int version = 0) {
  Report report = {.code = static_cast<std::int32_t>(status.code()), .version = version};
  status.message().copy(report.text, sizeof(report.text));
  return report;
}

Result<std::vector<Report>> Exchange(const Report& own, Transport& group,
                                     const Deadline& deadline) {
  std::vector<Report> all(static_cast<std::size_t>(group.size()));
  all[static_cast<std::size_t>(group.rank())] = own;
  RONDE_RETURN_IF_ERROR(ExchangeRecords(group, &all, deadline));
  return all;
}

// Who of a group this is, for people.
std::string NameOf(Transport& group, std::size_t rank) {
  return StrCat("rank ", rank, " (host ", group.host_name(static_cast<int>(rank)), ")");
}

}  // namespace

Status AgreeOnNccl(const Result<NcclApi*>& nccl, Transport& group, const Deadline& deadline) {
  const Report own = ReportOf(nccl.status(), nccl.ok() ? nccl.value()->version() : 0);
  RONDE_ASSIGN_OR_RETURN(const std::vector<Report> all, Exchange(own, group, deadline));
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    if (all[rank].status_code() == StatusCode::kOk) continue;
    return Status(all[rank].status_code(),
                  StrCat(NameOf(group, rank), " has no NCCL: ", all[rank].message()));
  }
  for (std::size_t rank = 1; rank < all.size(); ++rank) {
    if (all[rank].version == all[0].version) continue;
    return Status::Unavailable(StrCat(
        "NCCL must be the same everywhere: ", NameOf(group, 0), " has version ",
        NcclVersionText(all[0].version), ", ", NameOf(group, rank), " has ",
        NcclVersionText(all[rank].version), "; LD_LIBRARY_PATH says which is found, if not torch"));
  }
  return Status::Ok();
}

Result<NcclUniqueId> ShareUniqueId(NcclApi& nccl, Transport& group, const Deadline& deadline) {
  struct Offer {
    Report report;
    NcclUniqueId id = {};
  } offer;
  if (group.rank() == 0) {
    const NcclResult result = nccl.GetUniqueId(&offer.id);
    if (result != NcclResult::kSuccess) {
      offer.report = ReportOf(Status::Unavailable(
          StrCat("rank 0: ncclGetUniqueId failed: ", nccl.ErrorString(result), " (",
                 nccl.LastError(nullptr), "); NCCL_SOCKET_IFNAME names the network interface")));
    }
  }
  RONDE_RETURN_IF_ERROR(ShareBytes(group, std::as_writable_bytes(std::span(&offer, 1)), deadline));
  if (offer.report.status_code() == StatusCode::kOk) return offer.id;
  return Status(offer.report.status_code(), offer.report.message());
}

Status AgreeOnStatus(const Status& status, Transport& group, const Deadline& deadline) {
  RONDE_ASSIGN_OR_RETURN(const std::vector<Report> all,
                         Exchange(ReportOf(status), group, deadline));
  const Report* worst = nullptr;
  for (const Report& report : all) {
    if (report.status_code() == StatusCode::kOk) continue;
    if (worst == nullptr || (worst->status_code() == StatusCode::kTimeout &&
                             report.status_code() != StatusCode::kTimeout)) {
      worst = &report;
    }
  }
  return worst == nullptr ? Status::Ok() : Status(worst->status_code(), worst->message());
}

}  // namespace ronde
