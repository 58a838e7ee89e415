#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "collectives/tags.h"
#include "core/base/status.h"
#include "core/comm/transport.h"

namespace ronde {

/// Set-up only, because rank 0 of the group talks to each rank in turn. Collective: every rank has
/// put its own record at (*all)[rank] of as many as there are ranks; afterwards all are there.
/// `Record` is trivially copyable. Errors: kTimeout, kAborted.
template <typename Record>
Status ExchangeRecords(Transport& group, std::vector<Record>* all, const Deadline& deadline) {
  const auto one = [all](int rank) {
    return std::span(*all).subspan(static_cast<std::size_t>(rank), 1);
  };
  const int rank = group.rank();
  if (rank != 0) {
    RONDE_RETURN_IF_ERROR(group.Send(0, kSetUpTag, std::as_bytes(one(rank)), deadline));
    return group.Receive(0, kSetUpTag, std::as_writable_bytes(std::span(*all)), deadline);
  }
  for (int peer = 1; peer < group.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(
        group.Receive(peer, kSetUpTag, std::as_writable_bytes(one(peer)), deadline));
  }
  for (int peer = 1; peer < group.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(group.Send(peer, kSetUpTag, std::as_bytes(std::span(*all)), deadline));
  }
  return Status::Ok();
}

/// The same from rank 0 of the group to all: what it has in `bytes` replaces the others'.
inline Status ShareBytes(Transport& group, std::span<std::byte> bytes, const Deadline& deadline) {
  if (bytes.empty()) return Status::Ok();
  if (group.rank() != 0) return group.Receive(0, kSetUpTag, bytes, deadline);
  for (int peer = 1; peer < group.size(); ++peer) {
    RONDE_RETURN_IF_ERROR(group.Send(peer, kSetUpTag, bytes, deadline));
  }
  return Status::Ok();
}

}  // namespace ronde
