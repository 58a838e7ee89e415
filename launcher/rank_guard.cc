// ronde-rank PROGRAM [ARGS]: the parent of one rank. It starts the program, waits, ends with the
// same code and, where that is a failure, writes one record to stderr.
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

#include "core/base/config_environment.h"
#include "launcher/rank_failure.h"
#include "launcher/stop_signal.h"

namespace ronde {
namespace {

constexpr int kStartFailedCode = 127;

void Report(RankFailure::Kind kind, int code) {
  std::array<char, 256> host = {};
  gethostname(host.data(), host.size() - 1);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::string record =
      FormatFailureRecord({kind, ReadLaunchEnvironment().rank, host.data(), code,
                           std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()});
  // One write: a record is never torn by another writer.
  if (write(STDERR_FILENO, record.data(), record.size()) < 0) return;
}

[[noreturn]] void RunProgram(char** argv, const sigset_t& signals, pid_t guard) {
  pthread_sigmask(SIG_SETMASK, &signals, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != guard) _exit(kStartFailedCode);
  execvp(argv[0], argv);
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

int Guard(char** argv) {
  // Launchers signal a rank's whole process group: the rank gets the signal itself, and the guard
  // only has to outlive it.
  sigset_t blocked;
  sigset_t original;
  sigfillset(&blocked);
  pthread_sigmask(SIG_SETMASK, &blocked, &original);
  sigset_t awaited;
  sigemptyset(&awaited);
  sigaddset(&awaited, SIGCHLD);
  sigaddset(&awaited, kStopSignal);
  const int signals = signalfd(-1, &awaited, SFD_CLOEXEC);
  // Not PR_SET_PDEATHSIG: it fires when the *thread* that started the guard ends, and mpirun
  // starts many ranks from a pool of threads.
  const int launcher = static_cast<int>(syscall(SYS_pidfd_open, getppid(), 0));

  const pid_t guard = getpid();
  const pid_t child = fork();
  if (child == 0) RunProgram(argv, original, guard);
  if (child < 0) {
    Report(RankFailure::Kind::kStart, errno);
    return kStartFailedCode;
  }
  std::array<pollfd, 2> waits = {{{signals, POLLIN, 0}, {launcher, POLLIN, 0}}};
  bool stopping = false;
  while (true) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child) {
      const int code = ReportEnd(status, stopping);
      // A failed rank's own helpers end with it.
      if (code != 0 && OwnsGroup()) kill(0, SIGTERM);
      return code;
    }
    // A negative descriptor (a kernel without pidfd_open) is ignored by poll.
    poll(waits.data(), waits.size(), -1);
    if (waits[1].revents != 0) KillRank(child);
    signalfd_siginfo info = {};
    if (waits[0].revents != 0 && read(signals, &info, sizeof(info)) < 0) return 1;
    // ronderun repeats itself; the rank hears it once.
    if (info.ssi_signo == static_cast<std::uint32_t>(kStopSignal) && !stopping) {
      stopping = true;
      StopRank(child);
    }
  }
}

}  // namespace
}  // namespace ronde

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("ronde-rank: no program given; ronderun starts this, not you\n", stderr);
    return 2;
  }
  return ronde::Guard(argv + 1);
}
