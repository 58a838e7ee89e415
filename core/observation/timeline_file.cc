#include "core/observation/timeline_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::string_view kClosing = "\n]}\n";
constexpr std::string_view kElementBegin = ",\n{";
constexpr std::size_t kPageBytes = 4096;
constexpr std::size_t kLeastGrowth = std::size_t{64} << 10;
constexpr std::size_t kMostGrowth = std::size_t{16} << 20;

std::size_t NextPage(std::size_t position) { return (position / kPageBytes + 1) * kPageBytes; }

// As many whole elements as fit into `room`; none where the first is larger.
std::string_view ElementsWithin(std::string_view elements, std::size_t room) {
  if (elements.size() <= room) return elements;
  const std::size_t end = elements.rfind(kElementBegin, room);
  return elements.substr(0, end == std::string_view::npos ? 0 : end);
}

std::string_view FirstElement(std::string_view elements) {
  return elements.substr(0, elements.find(kElementBegin, 1));
}

}  // namespace

Result<TimelineFile> TimelineFile::Create(const std::string& path, std::string_view head) {
  const int descriptor = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor < 0) {
    return Status::InvalidArgument(StrCat("cannot write the timeline '", path,
                                          "': ", std::strerror(errno),
                                          "; name a file in a folder that exists"));
  }
  TimelineFile file(path, descriptor);
  const Status written = file.WriteAt(StrCat(head, kClosing), 0);
  if (!written.ok()) return Status::InvalidArgument(written.message());
  file.end_ = file.closing_ = head.size();
  return file;
}

TimelineFile::TimelineFile(TimelineFile&& other) noexcept
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      end_(other.end_),
      closing_(other.closing_) {}

TimelineFile::~TimelineFile() {
  if (file_ < 0) return;
  RemoveBlanks();
  close(file_);
}

Status TimelineFile::Append(std::string_view elements) {
  while (!elements.empty()) {
    std::string_view piece = ElementsWithin(elements, NextPage(end_) - end_);
    if (piece.empty()) {
      piece = FirstElement(elements);
      if (piece.size() <= kPageBytes) end_ = NextPage(end_);
    }
    if (end_ + piece.size() > closing_) RONDE_RETURN_IF_ERROR(Extend(piece.size()));
    RONDE_RETURN_IF_ERROR(WriteAt(piece, end_));
    end_ += piece.size();
    elements.remove_prefix(piece.size());
  }
  return Status::Ok();
}

Status TimelineFile::Extend(std::size_t size_bytes) {
  const std::size_t growth = std::clamp(closing_ / 4, kLeastGrowth, kMostGrowth);
  const std::size_t closing =
      NextPage(std::max(closing_ + growth, end_ + size_bytes) + kClosing.size()) - kClosing.size();
  const std::string blanks(kLeastGrowth, ' ');
  for (std::size_t at = closing_ + kClosing.size(); at < closing;) {
    const std::size_t count = std::min(blanks.size(), closing - at);
    RONDE_RETURN_IF_ERROR(WriteAt(std::string_view(blanks).substr(0, count), at));
    at += count;
  }
  RONDE_RETURN_IF_ERROR(WriteAt(kClosing, closing));
  RONDE_RETURN_IF_ERROR(WriteAt(std::string_view(blanks).substr(0, kClosing.size()), closing_));
  closing_ = closing;
  return Status::Ok();
}

Status TimelineFile::WriteAt(std::string_view text, std::size_t position) {
  while (!text.empty()) {
    const ssize_t written = pwrite(file_, text.data(), text.size(), static_cast<off_t>(position));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      return Status::Unavailable(
          StrCat("cannot write the timeline '", path_, "': ", std::strerror(errno)));
    }
    text.remove_prefix(static_cast<std::size_t>(written));
    position += static_cast<std::size_t>(written);
  }
  return Status::Ok();
}

void TimelineFile::RemoveBlanks() {
  // Before end_ may lie what is left of a page that was given up, or of an extension that failed.
  const std::size_t end = std::min(end_, closing_);
  if (!WriteAt(kClosing, end).ok()) return;
  static_cast<void>(!ftruncate(file_, static_cast<off_t>(end + kClosing.size())));
}

}  // namespace ronde
