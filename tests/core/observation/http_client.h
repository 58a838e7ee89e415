#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <string>
#include <string_view>

#include "core/observation/metrics_connection.h"

namespace ronde {

/// A TCP connection to this machine for tests; no wait is longer than 30 seconds.
class LoopbackClient {
 public:
  explicit LoopbackClient(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit{.tv_sec = 30, .tv_usec = 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  [[nodiscard]] bool connected() const { return connected_; }
  /// False when the server has closed.
  bool Send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t size = send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (size <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(size));
    }
    return true;
  }
  /// Everything until the server closes.
  [[nodiscard]] std::string ReadAll() const {
    std::string all;
    std::array<char, 4096> part;
    for (;;) {
      const ssize_t size = recv(socket_.get(), part.data(), part.size(), 0);
      if (size <= 0) return all;
      all.append(part.data(), static_cast<std::size_t>(size));
    }
  }

 private:
  Descriptor socket_;
  bool connected_ = false;
};

/// The whole answer to one request.
inline std::string HttpGet(int port, const std::string& path = "/metrics") {
  const LoopbackClient client(port);
  client.Send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  return client.ReadAll();
}

}  // namespace ronde
