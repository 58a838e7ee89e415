#include "launcher/remote_shell.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "core/base/strcat.h"
#include "launcher/launch_plan.h"
#include "launcher/program_lookup.h"

namespace ronde {
namespace {

std::vector<std::string> SplitWords(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Of "ssh : rsh" the first that there is, as mpirun does; where there is none, the first.
std::vector<std::string> ChooseAgent(std::string_view agents, std::string_view search_path) {
  std::vector<std::string> first;
  while (!agents.empty()) {
    const std::size_t colon = std::min(agents.find(':'), agents.size());
    std::vector<std::string> words = SplitWords(agents.substr(0, colon));
    agents.remove_prefix(std::min(colon + 1, agents.size()));
    if (words.empty()) continue;
    if (FindProgram(words.front(), "/nonexistent", search_path).ok()) return words;
    if (first.empty()) first = std::move(words);
  }
  return first.empty() ? std::vector<std::string>{"ssh"} : first;
}

std::string LastLine(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return "";
  text = text.substr(0, end + 1);
  return std::string(text.substr(text.find_last_of('\n') + 1));
}

struct Remedy {
  std::string_view sign;  ///< part of what the remote shell says
  std::string_view remedy;
};

constexpr std::array<Remedy, 10> kRemedies = {{
    {"Permission denied",
     "give it a key that needs no password (ssh-copy-id, ssh-agent), or name one with "
     "--ssh-identity-file"},
    {"Host key verification failed",
     "log in once by hand with ssh, so that the host's key becomes known"},
    {"REMOTE HOST IDENTIFICATION HAS CHANGED",
     "the host's key has changed; if that is right, remove the old one with ssh-keygen -R"},
    {"Could not resolve hostname", "correct the name, or add it to /etc/hosts or DNS"},
    {"Connection refused", "start sshd there, or name its port with --ssh-port"},
    {"No route to host", "start the host, or correct its name or the network"},
    {"Network is unreachable", "correct the host's name or the network"},
    {"timed out", "start the host, or let its firewall pass ssh; --start-timeout-s waits longer"},
    {"Too many authentication failures", "name the right key with --ssh-identity-file"},
    {"Unable to create step", "free the resources of the job, or give -H for fewer hosts"},
}};

}  // namespace

RemoteShell PlanRemoteShell(const RemoteShellOptions& options) {
  RemoteShell shell;
  // There mpirun does not look at agents either. A variable in place of --overlap: srun
  // before 20.11 does not know it, and needs none.
  if (options.batch_system == BatchSystem::kSlurm) {
    shell.is_slurm = true;
    shell.command = {"env", "SLURM_OVERLAP=1", "srun", "--nodes=1", "--ntasks=1", "--quiet"};
    return shell;
  }
  shell.command = ChooseAgent(options.agent, options.search_path);
  shell.is_ssh = BaseName(shell.command.front()) == "ssh";
  const std::vector<std::string> words = SplitWords(options.agent_options);
  shell.command.insert(shell.command.end(), words.begin(), words.end());
  if (options.ssh_port > 0) {
    shell.command.insert(shell.command.end(), {"-p", std::to_string(options.ssh_port)});
  }
  if (!options.ssh_identity_file.empty()) {
    shell.command.insert(shell.command.end(), {"-i", options.ssh_identity_file});
  }
  return shell;
}

std::vector<std::string> RemoteCommand(const RemoteShell& shell, const std::string& host,
                                       const std::string& script, double connect_timeout_s) {
  std::vector<std::string> command = shell.command;
  const auto add = [&command](auto... words) { (command.emplace_back(words), ...); };
  const std::vector<std::string> run = {"sh", "-c", script};
  if (shell.is_slurm) {
    add("--nodelist=" + host);
    command.insert(command.end(), run.begin(), run.end());
    return command;
  }
  if (shell.is_ssh) {
    const int seconds = std::max(1, static_cast<int>(connect_timeout_s));
    add("-x", "-o", "BatchMode=yes", "-o", StrCat("ConnectTimeout=", seconds));
  }
  // The login shell there, whichever it is, only has to start sh.
  add(host, ShellQuote(run));
  return command;
}

std::string ExplainRemoteFailure(const RemoteShell& shell, int exit_code,
                                 std::string_view error_output) {
  const std::string said = LastLine(error_output);
  const std::string agent = shell.is_slurm ? "srun" : shell.command.front();
  if (exit_code == 127 && said.empty()) {
    return StrCat("cannot be reached: ", agent, " is not there; install it (Debian package ",
                  shell.is_slurm ? "slurm-client" : "openssh-client",
                  ") or name another in OMPI_MCA_plm_rsh_agent");
  }
  const std::string what = StrCat(
      "cannot be reached: ", BaseName(agent),
      said.empty() ? StrCat(" ended with exit code ", exit_code) : StrCat(" says '", said, "'"));
  for (const auto& [sign, remedy] : kRemedies) {
    if (error_output.find(sign) != std::string_view::npos) return StrCat(what, "; ", remedy);
  }
  return StrCat(what, "; try it by hand: ", ShellQuote(shell.command),
                shell.is_slurm ? " --nodelist=HOST true" : " HOST true");
}

}  // namespace ronde
