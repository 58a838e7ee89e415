#include "tests/conformance/transport_conformance.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <numeric>

#include "core/comm/communicator.h"
#include "core/comm/shared_segment.h"
#include "tests/conformance/transport_case_support.h"

namespace ronde {
namespace {

Status KnowsItsPlace(Transport& transport) {
  CONFORM(transport.rank() >= 0 && transport.rank() < transport.size());
  for (int rank = 0; rank < transport.size(); ++rank) {
    CONFORM(!transport.host_id(rank).empty());
    CONFORM(!transport.host_name(rank).empty());
  }
  CONFORM(transport.CheckLiveness().ok());
  CONFORM(transport.Send(transport.size(), 0, {}, Patience()).code() == StatusCode::kInternal);
  CONFORM(transport.Receive(0, 1024, {}, Patience()).code() == StatusCode::kInternal);
  return Status::Ok();
}

Status KeepsOrderPerTag(Transport& transport) {
  constexpr int kMessages = 200;
  const int next = (transport.rank() + 1) % transport.size();
  const int previous = (transport.rank() + transport.size() - 1) % transport.size();
  for (std::int32_t i = 0; i < kMessages; ++i) {
    RONDE_RETURN_IF_ERROR(transport.Send(next, i % 2, std::as_bytes(std::span(&i, 1)), Patience()));
  }
  // The tags are read one after the other, so half of the messages wait.
  for (int tag : {1, 0}) {
    for (std::int32_t i = tag; i < kMessages; i += 2) {
      std::int32_t got = -1;
      RONDE_RETURN_IF_ERROR(
          transport.Receive(previous, tag, std::as_writable_bytes(std::span(&got, 1)), Patience()));
      CONFORM(got == i, "tag ", tag, " expected ", i, " got ", got);
    }
  }
  return Status::Ok();
}

Status MovesEverySize(Transport& transport) {
  const int next = (transport.rank() + 1) % transport.size();
  const int previous = (transport.rank() + transport.size() - 1) % transport.size();
  constexpr std::size_t kMiB = 1024 * 1024;
  for (const std::size_t size_bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{4095}, 65536 + std::size_t{1}, kMiB,
        (transport.size() <= 2 ? 64 * kMiB : 3 * kMiB) + 13}) {
    const std::vector<std::byte> send = Pattern(size_bytes, transport.rank());
    std::vector<std::byte> receive(size_bytes);
    const std::uint64_t before = transport.bytes_sent();
    RONDE_RETURN_IF_ERROR(transport.SendReceive(next, send, previous, receive, 7, Patience()));
    CONFORM(transport.bytes_sent() - before == size_bytes);
    CONFORM(receive == Pattern(size_bytes, previous), size_bytes, " bytes");
  }
  return Status::Ok();
}

Status SendsAndReceivesLargeBlocking(Transport& transport) {
  constexpr std::size_t kBytes = 3 * 1024 * 1024 + 1;
  for (int root = 0; root < transport.size(); ++root) {
    std::vector<std::byte> data = Pattern(kBytes, root);
    if (transport.rank() == root) {
      for (int peer = 0; peer < transport.size(); ++peer) {
        if (peer != root) RONDE_RETURN_IF_ERROR(transport.Send(peer, 9, data, Patience()));
      }
      continue;
    }
    const std::vector<std::byte> expected = data;
    std::fill(data.begin(), data.end(), std::byte{0});
    RONDE_RETURN_IF_ERROR(transport.Receive(root, 9, data, Patience()));
    CONFORM(data == expected);
  }
  return Status::Ok();
}

Status ReportsWrongSize(Transport& transport) {
  if (transport.size() < 2 || transport.rank() > 1) return Status::Ok();
  const std::array<std::byte, 8> data{};
  if (transport.rank() == 0) return transport.Send(1, 11, data, Patience());
  std::array<std::byte, 12> longer{};
  const Status status = transport.Receive(0, 11, longer, Patience());
  CONFORM(status.code() == StatusCode::kInternal, status.ToString());
  CONFORM(status.message().find("from rank 0") != std::string::npos, status.ToString());
  return Status::Ok();
}

Status SharesRegionsOnOneHost(Transport& transport) {
  Result<SharedSegment> made = SharedSegment::Create(transport, 10'000, Patience());
  const bool one_host = [&] {
    for (int rank = 1; rank < transport.size(); ++rank) {
      if (transport.host_id(rank) != transport.host_id(0)) return false;
    }
    return true;
  }();
  if (!one_host) {
    CONFORM(made.status().code() == StatusCode::kUnavailable, made.status().ToString());
    return Status::Ok();
  }
  RONDE_RETURN_IF_ERROR(made.status());
  SharedSegment segment = std::move(made).value();
  CONFORM(segment.size_bytes() == 10'000);
  const auto address = reinterpret_cast<std::uintptr_t>(segment.part(transport.rank()));
  CONFORM(address % 4096 == 0);
  // Everyone writes its mark into everyone's part.
  for (int peer = 0; peer < transport.size(); ++peer) {
    CONFORM(segment.part(peer)[9'999] == std::byte{0});
    segment.part(peer)[transport.rank()] = static_cast<std::byte>(transport.rank() + 1);
  }
  RONDE_RETURN_IF_ERROR(Barrier(transport));
  for (int peer = 0; peer < transport.size(); ++peer) {
    for (int writer = 0; writer < transport.size(); ++writer) {
      CONFORM(segment.part(peer)[writer] == static_cast<std::byte>(writer + 1));
    }
  }
  return Barrier(transport);
}

Status RefusesBadRegions(Transport& transport) {
  RegionToken nonsense;
  nonsense.words = {std::uint64_t{1} << 40, 9999, 1, 1};
  const auto mapped = transport.MapRegion(0, nonsense, 64);
  CONFORM(mapped.status().code() == StatusCode::kUnavailable, mapped.status().ToString());
  return Status::Ok();
}

Status SplitsByColorAndKey(Transport& transport) {
  // Odd and even ranks, in reverse order.
  const std::uint64_t before = transport.bytes_sent();
  RONDE_ASSIGN_OR_RETURN(auto group,
                         transport.Split(transport.rank() % 2, -transport.rank(), Patience()));
  const int members = (transport.size() + 1 - transport.rank() % 2) / 2;
  CONFORM(group->size() == members);
  CONFORM(group->rank() == members - 1 - transport.rank() / 2);
  CONFORM(group->host_id(group->rank()) == transport.host_id(transport.rank()));
  const int next = (group->rank() + 1) % members;
  const int previous = (group->rank() + members - 1) % members;
  std::vector<std::byte> got(100);
  RONDE_RETURN_IF_ERROR(
      group->SendReceive(next, Pattern(100, group->rank()), previous, got, 3, Patience()));
  CONFORM(got == Pattern(100, previous));
  CONFORM(transport.bytes_sent() == before + 100, "splits share the statistics");
  CONFORM(!group->Post(0, {}).ok(), "a split has no control plane");
  CONFORM(group->CheckLiveness().ok());
  RONDE_ASSIGN_OR_RETURN(auto single, group->Split(group->rank(), 0, Patience()));
  CONFORM(single->size() == 1 && single->rank() == 0);
  return Status::Ok();
}

Status GroupsByHost(Transport& transport) {
  RONDE_ASSIGN_OR_RETURN(Communicator world, Communicator::Create(transport));
  Communicator& local = world.local();
  Communicator& cross = world.cross();
  CONFORM(local.single_host());
  CONFORM(local.cross().size() == 1 && cross.local().size() == 1);
  for (int peer = 0; peer < local.size(); ++peer) {
    CONFORM(local.transport().host_id(peer) == transport.host_id(transport.rank()));
  }
  CONFORM(cross.host_count() == cross.size());
  if (world.hosts_are_even()) CONFORM(local.size() * cross.size() == transport.size());
  return Barrier(transport);
}

Status TimeoutNamesThePeer(Transport& transport) {
  if (transport.size() > 1 && transport.rank() == 0) {
    std::array<std::byte, 16> data{};
    const double start = Seconds();
    const Status status = transport.Receive(1, 77, data, Deadline::After(0.2));
    const double waited = Seconds() - start;
    CONFORM(status.code() == StatusCode::kTimeout, status.ToString());
    CONFORM(waited > 0.15 && waited < 5, waited, " s");
    const std::string expected = StrCat("for data from rank 1 (host ", transport.host_name(1), ")");
    CONFORM(status.message().find(expected) != std::string::npos, status.message());
    CONFORM(status.message().find("rank 0 waited 0.2 s") == 0, status.message());
  }
  return Barrier(transport);
}

constexpr ConformanceCase kDataCases[] = {
    {"KnowsItsPlace", KnowsItsPlace},
    {"KeepsOrderPerTag", KeepsOrderPerTag},
    {"MovesEverySize", MovesEverySize},
    {"SendsAndReceivesLargeBlocking", SendsAndReceivesLargeBlocking},
    {"ReportsWrongSize", ReportsWrongSize},
    {"Barrier", Barrier},
    {"SharesRegionsOnOneHost", SharesRegionsOnOneHost},
    {"RefusesBadRegions", RefusesBadRegions},
    {"SplitsByColorAndKey", SplitsByColorAndKey},
    {"GroupsByHost", GroupsByHost},
    {"TimeoutNamesThePeer", TimeoutNamesThePeer},
};

}  // namespace

std::span<const ConformanceCase> TransportConformanceCases() {
  static const std::vector<ConformanceCase> cases = [] {
    std::vector<ConformanceCase> all(std::begin(kDataCases), std::end(kDataCases));
    all.insert(all.end(), TransportPendingCases().begin(), TransportPendingCases().end());
    all.insert(all.end(), TransportControlCases().begin(), TransportControlCases().end());
    return all;
  }();
  return cases;
}

Status CheckAbort(Transport& transport) {
  RONDE_RETURN_IF_ERROR(Barrier(transport));
  const int aborter = transport.size() - 1;
  const double start = Seconds();
  Status status;
  if (transport.rank() == aborter) {
    SleepFor(0.2);
    int told = 0;
    transport.Abort(Status::InvalidArgument("the data set is missing"), [&] { ++told; });
    transport.Abort(Status::Internal("a later cause"), [&] { ++told; });
    CONFORM(told == 1, "told ", told, " times");
    status = transport.CheckLiveness();
  } else if (transport.rank() % 2 == 0) {
    std::array<std::byte, 8> never{};
    std::array<std::byte, 8> pending_never{};
    RONDE_ASSIGN_OR_RETURN(auto pending, transport.StartReceive(aborter, 6, pending_never));
    status = transport.Receive(aborter, 5, never, Patience());
    CONFORM(pending->Progress().status() == status);
    CONFORM(pending->Finish(Patience()) == status);
  } else {
    while (status.ok()) status = transport.WaitForRing(Patience());
  }
  const double waited = Seconds() - start;
  CONFORM(status.code() == StatusCode::kAborted, status.ToString());
  CONFORM(status.message() == "the data set is missing", status.message());
  CONFORM(waited < 5, "it took ", waited, " s to hear of the abort");
  CONFORM(transport.Send(0, 1, {}, Patience()) == status);
  CONFORM(transport.StartSend(0, 1, {}).status() == status);
  CONFORM(transport.Post(0, {}) == status);
  CONFORM(transport.Poll().status() == status);
  CONFORM(transport.WaitForRing(Patience()) == status);
  CONFORM(transport.CheckLiveness() == status);
  return Status::Ok();
}

}  // namespace ronde
