#include "core/control/negotiator.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/base/strcat.h"
#include "core/control/agreement.h"

namespace ronde {
namespace {

Response ErrorResponse(const std::string& name, Status error) {
  Response response;
  response.request.name = name;
  response.error = std::move(error);
  return response;
}

}  // namespace

Status Negotiator::AddRequest(int rank, Request request, std::int64_t now_ns) {
  if (shut_down_[rank]) {
    return Status::Internal(
        StrCat("rank ", rank, " submitted tensor '", request.name, "' after it had shut down"));
  }
  const std::string name = request.name;
  Pending& pending = pending_[name];
  if (pending.requests.empty()) {
    pending.requests.resize(size_);
    pending.since_ns = now_ns;
  }
  if (pending.requests[rank].has_value()) {
    return Status::Internal(
        StrCat("rank ", rank, " submitted tensor '", name, "' twice in one negotiation"));
  }
  pending.requests[rank] = std::move(request);
  ++pending.count;
  AnswerIfDecided(name);
  return Status::Ok();
}

void Negotiator::AnswerIfDecided(const std::string& name) {
  const auto found = pending_.find(name);
  Pending& pending = found->second;
  if (pending.count == size_) {
    std::vector<Request> requests;
    requests.reserve(size_);
    for (auto& request : pending.requests) requests.push_back(*std::move(request));
    ready_.push_back(Agree(std::move(requests)));
    pending_.erase(found);
    return;
  }
  for (const int rank : shut_down_order_) {
    if (pending.requests[rank].has_value()) continue;
    ready_.push_back(ErrorResponse(
        name, Status::Shutdown(StrCat("tensor '", name, "' needs rank ", rank,
                                      ", which has shut down without submitting it"))));
    pending_.erase(found);
    return;
  }
}

Status Negotiator::MarkShutdown(int rank) {
  if (shut_down_[rank]) return Status::Internal(StrCat("rank ", rank, " has shut down twice"));
  shut_down_[rank] = true;
  shut_down_order_.push_back(rank);
  for (const WaitingTensor& tensor : Waiting()) AnswerIfDecided(tensor.name);
  return Status::Ok();
}

void Negotiator::FailWaiting(const Status& error) {
  for (const WaitingTensor& tensor : Waiting()) {
    ready_.push_back(ErrorResponse(tensor.name, error));
  }
  pending_.clear();
}

std::vector<Response> Negotiator::TakeReady() { return std::exchange(ready_, {}); }

std::vector<int> Negotiator::running_ranks() const {
  std::vector<int> ranks;
  for (int rank = 0; rank < size_; ++rank) {
    if (!shut_down_[rank]) ranks.push_back(rank);
  }
  return ranks;
}

std::vector<WaitingTensor> Negotiator::Waiting() const {
  std::vector<WaitingTensor> tensors;
  tensors.reserve(pending_.size());
  for (const auto& [name, pending] : pending_) {
    WaitingTensor& tensor = tensors.emplace_back();
    tensor.name = name;
    tensor.since_ns = pending.since_ns;
    for (int rank = 0; rank < size_; ++rank) {
      (pending.requests[rank].has_value() ? tensor.waiting : tensor.missing).push_back(rank);
    }
  }
  std::sort(tensors.begin(), tensors.end(), [](const WaitingTensor& a, const WaitingTensor& b) {
    return std::tie(a.since_ns, a.name) < std::tie(b.since_ns, b.name);
  });
  return tensors;
}

std::optional<std::int64_t> Negotiator::waiting_since_ns() const {
  std::optional<std::int64_t> since_ns;
  for (const auto& [name, pending] : pending_) {
    since_ns = std::min(since_ns.value_or(pending.since_ns), pending.since_ns);
  }
  return since_ns;
}

}  // namespace ronde
