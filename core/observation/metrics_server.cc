#include "core/observation/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/strcat.h"
#include "core/observation/metrics_connection.h"

namespace ronde {
namespace {

constexpr std::size_t kMaxConnections = 16;
// Out of descriptors, a listening socket stays readable: look again only after this.
constexpr std::int64_t kAcceptPauseNs = 200'000'000;

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Status CannotServe(int port) {
  return Status::InvalidArgument(StrCat("cannot serve the metrics on 127.0.0.1:", port, ": ",
                                        std::strerror(errno),
                                        "; choose another --metrics-port (the local rank is added "
                                        "to it), or 0 for none"));
}

Result<Descriptor> Listen(int port) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.open()) return CannotServe(port);
  const int on = 1;  // connections of an earlier run may still be winding down
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const sockaddr_in address = Loopback(port);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(socket.get(), SOMAXCONN) != 0) {
    return CannotServe(port);
  }
  return socket;
}

int PortOf(const Descriptor& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

class MetricsServer::Impl {
 public:
  Impl(Descriptor listener, Descriptor wake, std::function<std::string()> text, double connection_s)
      : listener_(std::move(listener)),
        wake_(std::move(wake)),
        port_(PortOf(listener_)),
        text_(std::move(text)),
        connection_ns_(static_cast<std::int64_t>(connection_s * 1e9)),
        thread_([this] { Run(); }) {}
  ~Impl() {
    const std::uint64_t one = 1;
    // Cannot fail: the counter is at 0.
    [[maybe_unused]] const ssize_t size = write(wake_.get(), &one, sizeof one);
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  [[nodiscard]] int port() const { return port_; }

 private:
  void Run();
  void AcceptAll(std::int64_t now_ns);
  void Admit(Descriptor socket, std::int64_t now_ns);
  void SetPolled(std::int64_t now_ns);
  [[nodiscard]] int WaitMs(std::int64_t now_ns) const;

  const Descriptor listener_;
  const Descriptor wake_;  // an eventfd: readable when the thread is to end
  const int port_;
  const std::function<std::string()> text_;
  const std::int64_t connection_ns_;

  // The thread's.
  std::vector<MetricsConnection> connections_;  // oldest first
  std::vector<pollfd> polled_;                  // wake, listener, connections
  std::int64_t accept_from_ns_ = 0;
  std::thread thread_;  // last: it starts when everything else is ready
};

void MetricsServer::Impl::Run() {
  const SteadyClock clock;
  while (true) {
    SetPolled(clock.NowNs());
    if (poll(polled_.data(), polled_.size(), WaitMs(clock.NowNs())) < 0) {
      if (errno != EINTR) return;
      continue;
    }
    if (polled_[0].revents != 0) return;
    const std::int64_t now_ns = clock.NowNs();
    std::size_t index = 2;
    std::erase_if(connections_, [&](MetricsConnection& connection) {
      const bool is_ready = polled_[index++].revents != 0;
      return (is_ready && !connection.Advance(text_)) || now_ns >= connection.deadline_ns();
    });
    if (polled_[1].revents != 0) AcceptAll(now_ns);
  }
}

void MetricsServer::Impl::SetPolled(std::int64_t now_ns) {
  polled_.clear();
  polled_.push_back({wake_.get(), POLLIN, 0});
  // poll() passes over negative descriptors.
  polled_.push_back({now_ns < accept_from_ns_ ? -1 : listener_.get(), POLLIN, 0});
  for (const MetricsConnection& connection : connections_) {
    polled_.push_back({connection.fd(), connection.events(), 0});
  }
}

int MetricsServer::Impl::WaitMs(std::int64_t now_ns) const {
  std::int64_t until_ns = INT64_MAX;
  if (now_ns < accept_from_ns_) until_ns = accept_from_ns_;
  if (!connections_.empty()) until_ns = std::min(until_ns, connections_.front().deadline_ns());
  if (until_ns == INT64_MAX) return -1;
  return static_cast<int>(std::max<std::int64_t>(until_ns - now_ns, 0) / 1'000'000) + 1;
}

void MetricsServer::Impl::AcceptAll(std::int64_t now_ns) {
  for (std::size_t i = 0; i < kMaxConnections; ++i) {
    Descriptor socket(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.open()) {
      Admit(std::move(socket), now_ns);
    } else if (errno != ECONNABORTED && errno != EINTR) {
      if (errno != EAGAIN) accept_from_ns_ = now_ns + kAcceptPauseNs;
      return;
    }
  }
}

void MetricsServer::Impl::Admit(Descriptor socket, std::int64_t now_ns) {
  if (connections_.size() == kMaxConnections) connections_.erase(connections_.begin());
  MetricsConnection connection(std::move(socket), now_ns + connection_ns_);
  // Its request may be here already.
  if (connection.Advance(text_)) connections_.push_back(std::move(connection));
}

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsServer::~MetricsServer() = default;

int MetricsServer::port() const { return impl_->port(); }

Result<std::unique_ptr<MetricsServer>> MetricsServer::Start(int port,
                                                            std::function<std::string()> text,
                                                            double connection_s) {
  if (port < 0 || port > 65535) {
    return Status::InvalidArgument(StrCat("cannot serve the metrics on port ", port,
                                          ": ports end at 65535; choose a lower --metrics-port "
                                          "(the local rank is added to it)"));
  }
  RONDE_ASSIGN_OR_RETURN(Descriptor listener, Listen(port));
  Descriptor wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.open()) return CannotServe(port);
  return std::unique_ptr<MetricsServer>(new MetricsServer(
      std::make_unique<Impl>(std::move(listener), std::move(wake), std::move(text), connection_s)));
}

}  // namespace ronde
