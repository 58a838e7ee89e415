#include "core/observation/metrics_file.h"

#include <chrono>
#include <utility>

#include "core/base/log.h"
#include "core/base/strcat.h"
#include "core/base/text_file.h"

namespace ronde {

MetricsFile::MetricsFile(std::string path, double interval_s, std::function<std::string()> text)
    : path_(std::move(path)), interval_s_(interval_s), text_(std::move(text)) {}

Result<std::unique_ptr<MetricsFile>> MetricsFile::Start(const std::string& path, double interval_s,
                                                        std::function<std::string()> text) {
  std::unique_ptr<MetricsFile> file(new MetricsFile(path, interval_s, std::move(text)));
  if (Status status = file->TryWrite(); !status.ok()) {
    return Status::InvalidArgument(
        StrCat("--metrics-file: ", status.message(), "; name a file in a folder that exists"));
  }
  file->thread_ = std::thread([raw = file.get()] { raw->Run(); });
  return file;
}

MetricsFile::~MetricsFile() {
  if (!thread_.joinable()) return;  // the first write has failed
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
  Write();
}

Status MetricsFile::TryWrite() { return ReplaceTextFile(path_, text_()); }

void MetricsFile::Write() {
  const std::lock_guard lock(write_mutex_);
  const Status status = TryWrite();
  if (!status.ok() && !has_failed_) {
    Log(LogLevel::kWarning, "--metrics-file: ", status.message(), "; trying again every ",
        interval_s_, " s");
  }
  has_failed_ = !status.ok();
}

void MetricsFile::Run() {
  const auto interval = std::chrono::duration<double>(interval_s_);
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, interval, [this] { return stopping_; })) {
    lock.unlock();
    Write();
    lock.lock();
  }
}

}  // namespace ronde
