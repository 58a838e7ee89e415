#pragma once

#include <array>
#include <string>

#include "launcher/output_splitter.h"

namespace ronde {

/// What becomes of a rank's output on its way to the launcher.
struct OutputOptions {
  std::string directory;  ///< DIR/rank.N/stdout and stderr get a copy; empty: none
  bool tags = false;      ///< "[N] " in front of every line
  int rank = 0;
  int rank_count = 1;  ///< N gets as many digits as the last rank's

  [[nodiscard]] bool Wanted() const { return !directory.empty() || tags; }
};

/// "DIR/rank.07" of rank 7 of 16.
[[nodiscard]] std::string FolderOfRank(const OutputOptions& options);

/// The guard's hold on its rank's stdout and stderr. The rank's stdout stays a terminal where the
/// guard's is one, so that the rank flushes every line. Not thread-safe.
class RankOutput {
 public:
  /// Opens the files (they begin anew) and the pipes; 0, or the errno of what failed.
  [[nodiscard]] int Open(const OutputOptions& options);

  /// In the rank, before exec: its stdout and stderr go to the guard.
  void ConnectRank() const;
  /// In the guard, after fork.
  void CloseRankSide();

  static constexpr int kStreams = 2;
  /// What to poll for stream 0 (stdout) or 1 (stderr); -1 once it has ended.
  [[nodiscard]] int descriptor(int stream) const { return streams_[stream].read; }
  /// Passes on what is there to be read.
  void Relay(int stream);
  /// Whether part of a line waits for its rest, and passes it on nevertheless.
  [[nodiscard]] bool HoldsBytes() const;
  void Flush();
  /// Passes on what is left after the rank's end, without waiting for processes that it has left.
  void Drain();

 private:
  struct Stream {
    int read = -1;
    int rank_side = -1;
    int launcher = -1;  ///< the guard's own stdout or stderr
    int file = -1;
    OutputSplitter splitter;
  };
  std::array<Stream, kStreams> streams_;
};

}  // namespace ronde
