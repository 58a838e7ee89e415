#pragma once

#include <unistd.h>

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

namespace ronde {

/// An open file descriptor; -1 is none. Move-only.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool open() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// One client of the metrics server: reads a request, answers it, and has ended.
/// Thread rule: the server's thread.
class MetricsConnection {
 public:
  /// `socket` does not block.
  MetricsConnection(Descriptor socket, std::int64_t deadline_ns)
      : socket_(std::move(socket)), deadline_ns_(deadline_ns) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] std::int64_t deadline_ns() const { return deadline_ns_; }
  /// What to poll for: POLLIN or POLLOUT.
  [[nodiscard]] short events() const;
  /// Goes on as far as that is possible without waiting. False: it has ended.
  [[nodiscard]] bool Advance(const std::function<std::string()>& text);

 private:
  enum class Stage { kRequest, kAnswer };
  [[nodiscard]] bool Receive(const std::function<std::string()>& text);
  [[nodiscard]] bool Answer();

  Descriptor socket_;
  std::int64_t deadline_ns_;
  Stage stage_ = Stage::kRequest;
  std::string received_;
  std::string answer_;
  std::size_t sent_ = 0;
};

}  // namespace ronde
