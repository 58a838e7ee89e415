#include "launcher/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>

#include "core/base/config_environment.h"
#include "core/base/strcat.h"
#include "launcher/mpirun_folder.h"
#include "launcher/stop_signal.h"

namespace ronde {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// mpirun writes a banner at once: what is silent for longer is not one.
constexpr milliseconds kHoldTime{250};
// mpirun needs about 2 s to end ranks that ignore SIGTERM.
constexpr milliseconds kCleanEndTime{10000};
// mpirun and guards that are only just starting do not hear the request to stop.
constexpr milliseconds kAskAgainTime{1000};
// mpirun ends a failed job within some 3 s, unless it waits for a host that it cannot reach any
// more. --timeout-s and 5 s are promised for all of it.
constexpr milliseconds kFailedEndTime{4000};
// How long processes that outlive mpirun may delay the end of the job.
constexpr milliseconds kDrainTime{500};
// The same where mpirun was killed, after which nothing more is said.
constexpr milliseconds kKilledDrainTime{100};

Clock::duration Seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

struct Child {
  pid_t pid = -1;
  int stderr_read = -1;
};

void WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EAGAIN) {
      pollfd wait = {STDERR_FILENO, POLLOUT, 0};
      poll(&wait, 1, -1);
      continue;
    }
    if (written < 0 && errno != EINTR) return;
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void RunCommand(char** argv, const sigset_t& signals, pid_t parent, int stderr_write,
                             int error_write) {
  // A group of its own: a Ctrl-C reaches mpirun once, from ronderun, and not also from the
  // terminal. On a second signal within 5 s mpirun would leave its ranks behind.
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);
  dup2(stderr_write, STDERR_FILENO);
  pthread_sigmask(SIG_SETMASK, &signals, nullptr);
  execvp(argv[0], argv);
  const int error = errno;
  if (write(error_write, &error, sizeof(error)) < 0) _exit(126);
  _exit(127);
}

Result<Child> StartChild(const std::vector<std::string>& command, const sigset_t& signals) {
  std::array<int, 2> errors = {};
  std::array<int, 2> output = {};
  if (pipe2(errors.data(), O_CLOEXEC) != 0 || pipe2(output.data(), O_CLOEXEC) != 0) {
    return Status::Unavailable(
        StrCat("no pipe for mpirun's output: ", std::generic_category().message(errno)));
  }
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);

  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) RunCommand(argv.data(), signals, parent, output[1], errors[1]);
  close(output[1]);
  close(errors[1]);
  int error = pid < 0 ? errno : 0;
  const bool exec_failed = pid > 0 && read(errors[0], &error, sizeof(error)) > 0;
  close(errors[0]);
  if (pid > 0 && !exec_failed) return Child{pid, output[0]};
  close(output[0]);
  if (pid > 0) waitpid(pid, nullptr, 0);
  return Status::Unavailable(
      StrCat("cannot start ", command.front(), ": ", std::generic_category().message(error)));
}

// Kills what a failed job has left behind: processes of ranks whose guard was killed, which have
// become children of this process. Their own children follow in the next round.
void KillOrphans() {
  constexpr int kMaxRounds = 8;
  for (int round = 0; round < kMaxRounds; ++round) {
    std::ifstream children(StrCat("/proc/self/task/", getpid(), "/children"));
    pid_t pid = 0;
    bool any = false;
    while (children >> pid) any |= kill(pid, SIGKILL) == 0 && waitpid(pid, nullptr, 0) == pid;
    if (!any) return;
  }
}

// The job while it runs: waits for output, signals and time at one place.
class Job {
 public:
  Job(Child child, int signals, BannerFilter filter, StopOptions stop, StartOptions start)
      : child_(child),
        signals_(signals),
        filter_(std::move(filter)),
        stop_(std::move(stop)),
        start_(std::move(start)) {
    if (start_.Awaits()) {
      GiveUpAfter(start_.options().timeout_s, "the job has not started within ", " s: ");
    }
  }

  JobResult Run() {
    while (!Finished()) {
      std::array<pollfd, 2> waits = {{{child_.stderr_read, POLLIN, 0}, {signals_, POLLIN, 0}}};
      poll(waits.data(), waits.size(), TimeoutMs());
      if (waits[0].revents != 0) {
        RelayOutput();
      } else if (filter_.HoldsBytes() && Clock::now() - last_output_ >= kHoldTime) {
        WriteAll(filter_.Flush());
      }
      if (waits[1].revents != 0) HandleSignal();
      Escalate();
    }
    WriteAll(filter_.Flush());
    CollectFailures();
    const bool succeeded = result_.end == JobEnd{} && result_.failures.empty();
    const bool tells_nothing = result_.end.interrupted_signal == 0 &&
                               result_.end.not_started.empty() && result_.failures.empty() &&
                               result_.causes.empty();
    if (!succeeded && tells_nothing && start_.LacksStarts()) {
      result_.end.not_started = StrCat("the launcher ended with code ", result_.end.exit_code,
                                       " before the job had started: ", start_.Missing());
    }
    if (has_children_ && !succeeded) KillOrphans();
    if (result_.end.signal != 0) RemoveMpirunFolder(EnvironmentValue("TMPDIR"), child_.pid);
    if (child_.stderr_read >= 0) close(child_.stderr_read);
    return std::move(result_);
  }

 private:
  bool Finished() const {
    if (!ended_at_) return false;
    const bool drained = child_.stderr_read < 0 && !has_children_;
    return drained || Clock::now() - *ended_at_ >= DrainTime();
  }

  milliseconds DrainTime() const { return result_.end.signal == 0 ? kDrainTime : kKilledDrainTime; }

  int TimeoutMs() const {
    std::optional<Clock::time_point> next;
    const auto consider = [&next](Clock::time_point time) {
      if (!next || time < *next) next = time;
    };
    if (filter_.HoldsBytes()) consider(last_output_ + kHoldTime);
    for (const auto& time : {ask_at_, terminate_at_, kill_at_, give_up_at_}) {
      if (time) consider(*time);
    }
    if (ended_at_) consider(*ended_at_ + DrainTime());
    if (!next) return -1;
    const auto left = std::chrono::duration_cast<milliseconds>(*next - Clock::now()).count() + 1;
    return left < 0 ? 0 : static_cast<int>(left);
  }

  void RelayOutput() {
    std::array<char, 65536> buffer;
    const ssize_t size = read(child_.stderr_read, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) return;
    if (size <= 0) {
      close(child_.stderr_read);
      child_.stderr_read = -1;
      return;
    }
    last_output_ = Clock::now();
    WriteAll(filter_.Feed({buffer.data(), static_cast<std::size_t>(size)}));
    CollectFailures();
  }

  void CollectFailures() {
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    for (RankFailure& failure : filter_.TakeFailures()) {
      if (failure.time_ns == 0) failure.time_ns = now.count();
      result_.failures.push_back(std::move(failure));
    }
    for (FailureCause& cause : filter_.TakeCauses()) {
      const bool has_plan = terminate_at_ || kill_at_ || ended_at_;
      if (cause.kind == FailureCause::Kind::kFailure && !has_plan) {
        kill_at_ = Clock::now() + kFailedEndTime;
      }
      result_.causes.push_back(std::move(cause));
    }
    for (const StartRecord& record : filter_.TakeStarts()) NoteStart(record);
  }

  void NoteStart(const StartRecord& record) {
    const bool met_before = start_.Meets();
    start_.Note(record);
    if (!start_.Awaits() && !start_.Meets()) give_up_at_.reset();
    const bool has_plan = ask_at_ || terminate_at_ || kill_at_ || ended_at_;
    if (!start_.Meets() || met_before || has_plan) return;
    GiveUpAfter(start_.options().meeting_timeout_s, "the ranks have not met one another within ",
                " s (--timeout-s): ");
  }

  // The earlier of two limits counts.
  void GiveUpAfter(double seconds, std::string_view what, std::string_view unit) {
    const Clock::time_point time = Clock::now() + Seconds(seconds);
    if (give_up_at_ && *give_up_at_ <= time) return;
    give_up_at_ = time;
    give_up_text_ = StrCat(what, seconds, unit);
  }

  void HandleSignal() {
    signalfd_siginfo info = {};
    if (read(signals_, &info, sizeof(info)) != sizeof(info)) return;
    if (info.ssi_signo == SIGCHLD) {
      Reap();
    } else if (result_.end.interrupted_signal == 0) {
      result_.end.interrupted_signal = static_cast<int>(info.ssi_signo);
      Stop();
    } else {
      Kill();
    }
  }

  void Stop() {
    if (ended_at_) return;
    give_up_at_.reset();
    if (stop_.timeout_s == 0) return Terminate();
    stop_.say(StrCat("stopping: ranks have ", stop_.timeout_s,
                     " s to save; press Ctrl-C again to end them now"));
    terminate_at_ = Clock::now() + Seconds(stop_.timeout_s);
    AskToStop();
  }

  void Escalate() {
    const auto due = [](const auto& time) { return time && Clock::now() >= *time; };
    if (due(give_up_at_)) {
      result_.end.not_started = give_up_text_ + start_.Missing();
      Terminate();
      kill_at_ = Clock::now() + kFailedEndTime;
    }
    if (due(ask_at_)) AskToStop();
    if (due(terminate_at_)) {
      stop_.say(StrCat("ranks did not end within ", stop_.timeout_s, " s; ending them"));
      Terminate();
    }
    if (due(kill_at_)) Kill();
  }

  void AskToStop() {
    kill(child_.pid, stop_.signal);
    ask_at_ = Clock::now() + kAskAgainTime;
  }

  // The launcher ends the ranks in its own way, and then itself.
  void Terminate() {
    kill(child_.pid, SIGTERM);
    terminated_ = true;
    ForgetPlans();
    kill_at_ = Clock::now() + kCleanEndTime;
  }

  // The guards see mpirun die and take their ranks along, on this host and, through mpirun's
  // daemons, on the others.
  void Kill() {
    if (stop_.needs_launcher && !terminated_ && !ended_at_) return Terminate();
    if (!ended_at_) kill(child_.pid, SIGKILL);
    ForgetPlans();
  }

  void ForgetPlans() {
    ask_at_.reset();
    terminate_at_.reset();
    kill_at_.reset();
    give_up_at_.reset();
  }

  // mpirun leaves ranks that it has killed unreaped; they become children of this process.
  void Reap() {
    int status = 0;
    pid_t pid = 0;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
      if (pid != child_.pid) continue;
      ended_at_ = Clock::now();
      ForgetPlans();
      if (WIFSIGNALED(status)) result_.end.signal = WTERMSIG(status);
      if (WIFEXITED(status)) result_.end.exit_code = WEXITSTATUS(status);
    }
    has_children_ = pid == 0;
  }

  Child child_;
  int signals_;
  BannerFilter filter_;
  StopOptions stop_;
  StartWatch start_;
  JobResult result_;
  bool has_children_ = true;
  bool terminated_ = false;
  Clock::time_point last_output_{};
  std::optional<Clock::time_point> ended_at_;
  // What follows the first signal, as far as it is still to come.
  std::optional<Clock::time_point> ask_at_;
  std::optional<Clock::time_point> terminate_at_;
  std::optional<Clock::time_point> kill_at_;
  // When a job that has not started has had its time.
  std::optional<Clock::time_point> give_up_at_;
  std::string give_up_text_;
};

}  // namespace

Result<JobResult> RunJob(const std::vector<std::string>& command, BannerFilter filter,
                         StopOptions stop, StartOptions start) {
  sigset_t handled;
  sigset_t original;
  sigemptyset(&handled);
  for (const int signal : {SIGINT, SIGTERM, SIGCHLD}) sigaddset(&handled, signal);
  // Under nohup it stays ignored; a blocked signal would arrive nevertheless.
  struct sigaction hang_up = {};
  sigaction(SIGHUP, nullptr, &hang_up);
  if (hang_up.sa_handler != SIG_IGN) sigaddset(&handled, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &handled, &original);
  const int signals = signalfd(-1, &handled, SFD_CLOEXEC);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  Result<Child> child = StartChild(command, original);
  if (!child.ok()) {
    close(signals);
    pthread_sigmask(SIG_SETMASK, &original, nullptr);
    return child.status();
  }
  JobResult result =
      Job(child.value(), signals, std::move(filter), std::move(stop), std::move(start)).Run();
  close(signals);
  pthread_sigmask(SIG_SETMASK, &original, nullptr);
  return result;
}

}  // namespace ronde
