#include "core/observation/metrics_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "core/observation/metrics_http.h"

namespace ronde {
namespace {

// Nothing to do now, as opposed to a client that has gone.
bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

short MetricsConnection::events() const { return stage_ == Stage::kAnswer ? POLLOUT : POLLIN; }

bool MetricsConnection::Advance(const std::function<std::string()>& text) {
  if (stage_ == Stage::kRequest && !Receive(text)) return false;
  return stage_ == Stage::kRequest || Answer();
}

bool MetricsConnection::Receive(const std::function<std::string()>& text) {
  std::array<char, 2048> part;
  while (stage_ == Stage::kRequest) {
    const ssize_t size = recv(socket_.get(), part.data(), part.size(), 0);
    if (size < 0) return WouldBlock();
    if (size == 0) return false;
    received_.append(part.data(), static_cast<std::size_t>(size));
    if (auto answer = AnswerHttp(received_, text)) {
      answer_ = *std::move(answer);
      stage_ = Stage::kAnswer;
    }
  }
  return true;
}

bool MetricsConnection::Answer() {
  while (sent_ < answer_.size()) {
    const ssize_t size =
        send(socket_.get(), answer_.data() + sent_, answer_.size() - sent_, MSG_NOSIGNAL);
    if (size < 0) return WouldBlock();
    sent_ += static_cast<std::size_t>(size);
  }
  return false;
}

}  // namespace ronde
