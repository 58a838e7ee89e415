#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/status.h"

namespace ronde {

/// Writes the metrics to a file, again and again and once more at its end. The file is replaced as
/// a whole. It has a thread of its own, which sleeps between the writes.
/// Thread rule: constructed and destroyed by one thread; Write from any.
class MetricsFile {
 public:
  /// `text` is called on the thread and must outlive this; writes at once. Error: kInvalidArgument
  /// naming the setting and the path that cannot be written.
  [[nodiscard]] static Result<std::unique_ptr<MetricsFile>> Start(
      const std::string& path, double interval_s, std::function<std::string()> text);
  /// Writes a last time.
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  /// Writes now. A failure is logged, once until a write succeeds again.
  void Write();

 private:
  MetricsFile(std::string path, double interval_s, std::function<std::string()> text);
  Status TryWrite();
  void Run();

  const std::string path_;
  const double interval_s_;
  const std::function<std::string()> text_;

  std::mutex write_mutex_;   // one write at a time
  bool has_failed_ = false;  // guarded by write_mutex_: the last write

  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace ronde
