#include "core/comm/shared_segment.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "core/comm/transport_errors.h"

namespace ronde {
namespace {

constexpr int kSegmentTag = kTagLimit - 1;

// What every rank tells the others: where its part is, or why there is none.
struct Report {
  RegionToken token;
  std::array<char, 512> failure{};  // text, empty for success
};

void SetFailure(Report* report, const Status& status) {
  if (report->failure[0] != 0) return;
  const std::string& text = status.message();
  std::memcpy(report->failure.data(), text.data(),
              std::min(text.size(), report->failure.size() - 1));
}

// An allgather through rank 0; set-up only.
Status Exchange(Transport& transport, std::span<Report> reports, const Deadline& deadline) {
  const int rank = transport.rank();
  if (rank != 0) {
    RONDE_RETURN_IF_ERROR(
        transport.Send(0, kSegmentTag, std::as_bytes(reports.subspan(rank, 1)), deadline));
    return transport.Receive(0, kSegmentTag, std::as_writable_bytes(reports), deadline);
  }
  for (int peer = 1; peer < transport.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(transport.Receive(
        peer, kSegmentTag, std::as_writable_bytes(reports.subspan(peer, 1)), deadline));
  }
  for (int peer = 1; peer < transport.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(transport.Send(peer, kSegmentTag, std::as_bytes(reports), deadline));
  }
  return Status::Ok();
}

// The failure of the lowest rank that has one: the same text on every rank.
Status Outcome(std::span<const Report> reports) {
  for (const Report& report : reports) {
    if (report.failure[0] != 0) return Status::Unavailable(report.failure.data());
  }
  return Status::Ok();
}

}  // namespace

Result<SharedSegment> SharedSegment::Create(Transport& transport, std::size_t size_bytes,
                                            Deadline deadline) {
  const int rank = transport.rank();
  std::vector<Report> reports(static_cast<std::size_t>(transport.size()));
  Result<std::unique_ptr<Region>> own = transport.AllocateRegion(size_bytes);
  if (own.ok()) {
    reports[rank].token = own.value()->token();
  } else {
    SetFailure(&reports[rank], own.status());
  }
  RONDE_RETURN_IF_ERROR(Exchange(transport, reports, deadline));
  RONDE_RETURN_IF_ERROR(Outcome(reports));

  SharedSegment segment;
  segment.rank_ = rank;
  for (int peer = 0; peer < transport.size(); ++peer) {
    if (peer == rank) {
      segment.parts_.push_back(std::move(own).value());
      continue;
    }
    auto mapped = transport.MapRegion(peer, reports[peer].token, size_bytes);
    if (!mapped.ok()) SetFailure(&reports[rank], mapped.status());
    segment.parts_.push_back(mapped.ok() ? std::move(mapped).value() : nullptr);
  }
  RONDE_RETURN_IF_ERROR(Exchange(transport, reports, deadline));
  RONDE_RETURN_IF_ERROR(Outcome(reports));
  return segment;
}

}  // namespace ronde
