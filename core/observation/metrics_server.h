#pragma once

#include <functional>
#include <memory>

#include "core/base/status.h"

namespace ronde {

/// Serves the metrics at http://127.0.0.1:PORT/metrics, to this machine only.
///
/// One thread, which sleeps in poll(); at most 16 connections, of which the oldest gives way; each
/// has one request and `connection_s` seconds. So no client, slow or broken, costs more than that.
/// Thread rule: constructed and destroyed by one thread.
class MetricsServer {
 public:
  /// `text` is called on the thread and must outlive this. Port 0 takes any free one. Error:
  /// kInvalidArgument naming the port: it is taken, or not for this user.
  [[nodiscard]] static Result<std::unique_ptr<MetricsServer>> Start(
      int port, std::function<std::string()> text, double connection_s = 5);
  /// Stops at once, also in the middle of answers.
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  [[nodiscard]] int port() const;

 private:
  class Impl;
  explicit MetricsServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ronde
