// ronde-rank [FLAGS] PROGRAM [ARGS]: the parent of one rank. It starts the program, waits, ends
// with the same code and, where that is a failure, writes one record to stderr.
//   --report-start           a record as well when the program has been started
//   --stop-signal N          the launcher's way to ask for the end (stop_signal.h)
//   --output-directory DIR   a copy of the rank's output in DIR/rank.N/stdout and stderr
//   --tag-output             "[N] " in front of every line
//
// Why a guard: which rank failed first, how and on which host cannot be had from mpirun. Open MPI
// 4.1 names the rank in a help text that a race suppresses now and then, gives no host for an exit
// code, says nothing of SIGTERM, and words all this differently from release to release; srun says
// nothing at all. The rank's parent always knows, under every launcher. The guard also takes its
// rank along when mpirun is killed, so that nothing is left behind, and ends it with SIGTERM when
// ronderun asks for that (stop_signal.h).

#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/base/config_environment.h"
#include "core/base/start_record.h"
#include "launcher/rank_failure.h"
#include "launcher/rank_output.h"
#include "launcher/stop_signal.h"

namespace ronde {
namespace {

constexpr int kBadInputCode = 2;
constexpr int kStartFailedCode = 127;
// With --tag-output half a line waits for its rest for so long.
constexpr int kHoldLineMs = 200;

struct GuardOptions {
  bool reports_start = false;
  int stop_signal = kStopSignal;
  OutputOptions output;
  char** program = nullptr;  // with its arguments
};

std::string HostName() {
  std::array<char, 256> host = {};
  gethostname(host.data(), host.size() - 1);
  return host.data();
}

// One write: a record is never torn by another writer. There is nobody to tell of a failure.
void WriteRecord(const std::string& record) {
  if (write(STDERR_FILENO, record.data(), record.size()) < 0) return;
}

void Report(RankFailure::Kind kind, int code) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  WriteRecord(
      FormatFailureRecord({kind, ReadLaunchEnvironment().rank, HostName(), code,
                           std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()}));
}

[[noreturn]] void RunProgram(const GuardOptions& options, const RankOutput& output,
                             const sigset_t& signals, pid_t guard) {
  if (options.output.Wanted()) output.ConnectRank();
  // A launcher that can only signal a rank's whole group would end the program by it.
  if (options.stop_signal != kStopSignal) signal(options.stop_signal, SIG_IGN);
  pthread_sigmask(SIG_SETMASK, &signals, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guard) _exit(kStartFailedCode);
  execvp(options.program[0], options.program);
  Report(RankFailure::Kind::kStart, errno);
  _exit(kStartFailedCode);
}

// Whether the launcher gave this rank a process group of its own (mpirun and srun do).
bool OwnsGroup() { return getpgrp() == getpid(); }

// Whether this is how a rank ends that was asked to.
bool EndedAsAsked(int wait_status) {
  if (WIFSIGNALED(wait_status)) return WTERMSIG(wait_status) == SIGTERM;
  const int code = WEXITSTATUS(wait_status);
  return code == 0 || code == 128 + SIGTERM;
}

int ReportEnd(int wait_status, bool stopping) {
  // A non-zero code would make mpirun end the other ranks, which may still be saving.
  if (stopping && EndedAsAsked(wait_status)) return 0;
  if (WIFSIGNALED(wait_status)) {
    Report(RankFailure::Kind::kSignal, WTERMSIG(wait_status));
    return 128 + WTERMSIG(wait_status);
  }
  const int code = WEXITSTATUS(wait_status);
  if (code != 0) Report(RankFailure::Kind::kExit, code);
  return code;
}

// Asks the rank and its helpers to end. The guard blocks SIGTERM.
void StopRank(pid_t child) { kill(OwnsGroup() ? 0 : child, SIGTERM); }

// Kills the rank and its helpers.
[[noreturn]] void KillRank(pid_t child) {
  if (OwnsGroup()) kill(0, SIGKILL);
  kill(child, SIGKILL);
  _exit(128 + SIGKILL);
}

// What the guard sees: its rank's end, the launcher's wish and end, and the rank's output.
class Guard {
 public:
  explicit Guard(const GuardOptions& options) : options_(options) {}

  int Run() {
    // Launchers signal a rank's whole process group: the rank gets the signal itself, and the guard
    // only has to outlive it.
    sigset_t blocked;
    sigset_t original;
    sigfillset(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &original);
    sigset_t awaited;
    sigemptyset(&awaited);
    for (const int signal : {SIGCHLD, options_.stop_signal}) sigaddset(&awaited, signal);
    signals_ = signalfd(-1, &awaited, SFD_CLOEXEC);
    // Not PR_SET_PDEATHSIG: it fires when the *thread* that started the guard ends, and mpirun
    // starts many ranks from a pool of threads.
    launcher_ = static_cast<int>(syscall(SYS_pidfd_open, getppid(), 0));
    if (const int code = Start(original); code != 0) return code;
    while (true) {
      int status = 0;
      if (waitpid(child_, &status, WNOHANG) == child_) return End(status);
      Wait();
    }
  }

 private:
  int Start(const sigset_t& signals) {
    if (options_.output.Wanted()) {
      const int error = output_.Open(options_.output);
      if (error != 0) {
        Report(RankFailure::Kind::kOutput, error);
        return kBadInputCode;
      }
    }
    const pid_t guard = getpid();
    child_ = fork();
    if (child_ == 0) RunProgram(options_, output_, signals, guard);
    if (child_ < 0) {
      Report(RankFailure::Kind::kStart, errno);
      return kStartFailedCode;
    }
    output_.CloseRankSide();
    if (options_.reports_start) {
      WriteRecord(FormatStartRecord(
          {StartRecord::Kind::kStarted, ReadLaunchEnvironment().rank, HostName()}));
    }
    return 0;
  }

  int End(int status) {
    if (options_.output.Wanted()) output_.Drain();
    const int code = ReportEnd(status, stopping_);
    // A failed rank's own helpers end with it.
    if (code != 0 && OwnsGroup()) kill(0, SIGTERM);
    return code;
  }

  void Wait() {
    // A negative descriptor (a kernel without pidfd_open, output that is not relayed) is ignored.
    std::array<pollfd, 4> waits = {{{signals_, POLLIN, 0},
                                    {launcher_, POLLIN, 0},
                                    {output_.descriptor(0), POLLIN, 0},
                                    {output_.descriptor(1), POLLIN, 0}}};
    const int ready = poll(waits.data(), waits.size(), output_.HoldsBytes() ? kHoldLineMs : -1);
    if (ready == 0) return output_.Flush();
    if (waits[1].revents != 0) KillRank(child_);
    for (int stream = 0; stream < RankOutput::kStreams; ++stream) {
      if (waits[2 + stream].revents != 0) output_.Relay(stream);
    }
    signalfd_siginfo info = {};
    if (waits[0].revents == 0 || read(signals_, &info, sizeof(info)) < 0) return;
    // ronderun repeats itself; the rank hears it once.
    if (info.ssi_signo == static_cast<std::uint32_t>(options_.stop_signal) && !stopping_) {
      stopping_ = true;
      StopRank(child_);
    }
  }

  const GuardOptions& options_;
  RankOutput output_;
  int signals_ = -1;
  int launcher_ = -1;
  pid_t child_ = -1;
  bool stopping_ = false;
};

GuardOptions ReadOptions(char** argv) {
  GuardOptions options;
  const LaunchEnvironment launch = ReadLaunchEnvironment();
  options.output.rank = launch.rank;
  options.output.rank_count = launch.size;
  for (; *argv != nullptr; ++argv) {
    const std::string_view flag = *argv;
    const bool has_value = argv[1] != nullptr;
    if (flag == "--report-start") {
      options.reports_start = true;
    } else if (flag == "--tag-output") {
      options.output.tags = true;
    } else if (flag == "--stop-signal" && has_value) {
      options.stop_signal = std::atoi(*++argv);
    } else if (flag == "--output-directory" && has_value) {
      options.output.directory = *++argv;
    } else {
      break;
    }
  }
  options.program = argv;
  return options;
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  const ronde::GuardOptions options = ronde::ReadOptions(argv + (argc > 0 ? 1 : 0));
  if (*options.program == nullptr) {
    std::fputs("ronde-rank: no program given; ronderun starts this, not you\n", stderr);
    return ronde::kBadInputCode;
  }
  return ronde::Guard(options).Run();
}
