#include "launcher/rank_output.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "core/base/strcat.h"

namespace ronde {
namespace {

constexpr std::size_t kBufferBytes = 65536;

// False where nothing more can be written there.
bool WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EAGAIN) {
      pollfd wait = {descriptor, POLLOUT, 0};
      poll(&wait, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return false;
    } else if (written > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  return true;
}

// A terminal that changes no byte, as mpirun's are.
int OpenTerminal(int like, int* read_side, int* rank_side) {
  termios mode = {};
  winsize size = {};
  if (tcgetattr(like, &mode) != 0) return errno;
  cfmakeraw(&mode);
  const bool has_size = ioctl(like, TIOCGWINSZ, &size) == 0;
  if (openpty(read_side, rank_side, nullptr, &mode, has_size ? &size : nullptr) != 0) return errno;
  fcntl(*read_side, F_SETFD, FD_CLOEXEC);
  fcntl(*rank_side, F_SETFD, FD_CLOEXEC);
  return 0;
}

int OpenPipe(int* read_side, int* rank_side) {
  std::array<int, 2> ends = {};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
  *read_side = ends[0];
  *rank_side = ends[1];
  return 0;
}

int OpenFile(const std::string& path, int* file) {
  *file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  return *file < 0 ? errno : 0;
}

}  // namespace

std::string FolderOfRank(const OutputOptions& options) {
  const std::size_t digits = std::to_string(options.rank_count - 1).size();
  std::string rank = std::to_string(options.rank);
  if (rank.size() < digits) rank.insert(0, digits - rank.size(), '0');
  return StrCat(options.directory, "/rank.", rank);
}

int RankOutput::Open(const OutputOptions& options) {
  const std::string folder = FolderOfRank(options);
  if (!options.directory.empty()) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return error.value();
  }
  const std::string tag = options.tags ? StrCat("[", options.rank, "] ") : "";
  for (int i = 0; i < kStreams; ++i) {
    Stream& stream = streams_[i];
    stream.launcher = i == 0 ? STDOUT_FILENO : STDERR_FILENO;
    stream.splitter = OutputSplitter(tag);
    const int error = isatty(stream.launcher) != 0
                          ? OpenTerminal(stream.launcher, &stream.read, &stream.rank_side)
                          : OpenPipe(&stream.read, &stream.rank_side);
    if (error != 0) return error;
    if (options.directory.empty()) continue;
    const int file_error = OpenFile(folder + (i == 0 ? "/stdout" : "/stderr"), &stream.file);
    if (file_error != 0) return file_error;
  }
  return 0;
}

void RankOutput::ConnectRank() const {
  for (const Stream& stream : streams_) dup2(stream.rank_side, stream.launcher);
}

void RankOutput::CloseRankSide() {
  for (Stream& stream : streams_) {
    if (stream.rank_side >= 0) close(stream.rank_side);
    stream.rank_side = -1;
  }
}

void RankOutput::Relay(int index) {
  Stream& stream = streams_[index];
  std::array<char, kBufferBytes> buffer;
  const ssize_t size = read(stream.read, buffer.data(), buffer.size());
  if (size < 0 && errno == EINTR) return;
  if (size <= 0) {  // EIO: a terminal that nobody writes to any more
    close(stream.read);
    stream.read = -1;
    return;
  }
  const OutputSplitter::Parts parts =
      stream.splitter.Split({buffer.data(), static_cast<std::size_t>(size)});
  WriteAll(stream.launcher, parts.launcher);
  if (stream.file < 0 || WriteAll(stream.file, parts.file)) return;
  std::fprintf(stderr, "ronde-rank: the rank's output file: %s; it ends here\n",
               std::strerror(errno));
  close(stream.file);
  stream.file = -1;
}

bool RankOutput::HoldsBytes() const {
  return std::any_of(streams_.begin(), streams_.end(),
                     [](const Stream& stream) { return stream.splitter.HoldsBytes(); });
}

void RankOutput::Flush() {
  for (Stream& stream : streams_) WriteAll(stream.launcher, stream.splitter.Flush());
}

void RankOutput::Drain() {
  for (int i = 0; i < kStreams; ++i) {
    pollfd wait = {streams_[i].read, POLLIN, 0};
    while (streams_[i].read >= 0 && poll(&wait, 1, 0) > 0) Relay(i);
    WriteAll(streams_[i].launcher, streams_[i].splitter.Finish());
  }
}

}  // namespace ronde
