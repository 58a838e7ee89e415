#include "launcher/parallel_commands.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>

namespace ronde {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostAtOnce = 64;
constexpr std::size_t kMostBytes = 262144;  // 256 KiB
// A background process of the command (ssh's own, with ControlPersist) may keep the pipes open when
// the command has ended, so its end is looked for at least this often.
constexpr int kLookMs = 10;
constexpr int kCannotStart = 127;

struct Running {
  pid_t pid = -1;
  int output = -1;
  int error_output = -1;
  CommandOutput* result = nullptr;
};

[[noreturn]] void Exec(char** argv, pid_t parent, int output, int error_output) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  dup2(null, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  dup2(error_output, STDERR_FILENO);
  execvp(argv[0], argv);
  _exit(kCannotStart);
}

Running Start(const std::vector<std::string>& command, CommandOutput* result) {
  std::array<int, 2> output = {-1, -1};
  std::array<int, 2> errors = {-1, -1};
  result->exit_code = kCannotStart;
  if (pipe2(output.data(), O_CLOEXEC) != 0) return {};
  if (pipe2(errors.data(), O_CLOEXEC) != 0) {
    for (const int end : output) close(end);
    return {};
  }
  std::vector<char*> argv;
  argv.reserve(command.size() + 1);
  for (const std::string& argument : command) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) Exec(argv.data(), parent, output[1], errors[1]);
  close(output[1]);
  close(errors[1]);
  if (pid > 0) {
    setpgid(pid, pid);  // here too: it may have to be killed before it gets there
    for (const int end : {output[0], errors[0]}) fcntl(end, F_SETFL, O_NONBLOCK);
    return {pid, output[0], errors[0], result};
  }
  close(output[0]);
  close(errors[0]);
  return {};
}

// Reads what there is; closes the pipe at its end.
void Drain(int* pipe, std::string* text) {
  std::array<char, 16384> buffer;
  while (*pipe >= 0) {
    const ssize_t size = read(*pipe, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return;
    if (size == 0) {
      close(*pipe);
      *pipe = -1;
      return;
    }
    const std::size_t room = kMostBytes - std::min(kMostBytes, text->size());
    text->append(buffer.data(), std::min(room, static_cast<std::size_t>(size)));
  }
}

void DrainBoth(Running* command) {
  Drain(&command->output, &command->result->output);
  Drain(&command->error_output, &command->result->error_output);
}

// Takes the command's end over, if it has come.
bool HasEnded(Running* command) {
  int status = 0;
  if (waitpid(command->pid, &status, WNOHANG) != command->pid) return false;
  command->result->exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  DrainBoth(command);
  for (const int pipe : {command->output, command->error_output}) {
    if (pipe >= 0) close(pipe);
  }
  return true;
}

void WaitForOutput(std::span<const Running> running) {
  std::vector<pollfd> waits;
  for (const Running& command : running) {
    for (const int pipe : {command.output, command.error_output}) {
      if (pipe >= 0) waits.push_back({pipe, POLLIN, 0});
    }
  }
  poll(waits.data(), waits.size(), kLookMs);
}

void KillAll(std::vector<Running>* running) {
  for (Running& command : *running) {
    command.result->timed_out = true;
    kill(-command.pid, SIGKILL);
  }
  // A process that a dead file system holds cannot even be killed; it is left to end later.
  constexpr int kMostRounds = 200;
  for (int round = 0; round < kMostRounds && !running->empty(); ++round) {
    WaitForOutput(*running);
    std::erase_if(*running, [](Running& command) { return HasEnded(&command); });
  }
}

}  // namespace

std::vector<CommandOutput> RunInParallel(std::span<const std::vector<std::string>> commands,
                                         double deadline_s) {
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(deadline_s));
  std::vector<CommandOutput> results(commands.size());
  std::vector<Running> running;
  std::size_t next = 0;
  while (next < commands.size() || !running.empty()) {
    if (Clock::now() >= deadline) break;
    while (next < commands.size() && running.size() < kMostAtOnce) {
      const Running command = Start(commands[next], &results[next]);
      if (command.pid > 0) running.push_back(command);
      ++next;
    }
    WaitForOutput(running);
    for (Running& command : running) DrainBoth(&command);
    std::erase_if(running, [](Running& command) { return HasEnded(&command); });
  }
  KillAll(&running);
  for (; next < commands.size(); ++next) results[next].timed_out = true;
  return results;
}

}  // namespace ronde
