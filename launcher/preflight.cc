// Asks every host for its facts; preflight_verdict.cc judges them.
#include "launcher/preflight.h"

#include <algorithm>

#include "core/base/strcat.h"
#include "launcher/launch_plan.h"
#include "launcher/parallel_commands.h"

namespace ronde {
namespace {

constexpr std::string_view kMissing = "ronde-missing";
constexpr double kMostConnectSeconds = 10;

std::string Quoted(const std::string& text) { return ShellQuote(std::vector<std::string>{text}); }

std::string LastLine(std::string_view text) {
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  if (end == std::string_view::npos) return "";
  text = text.substr(0, end + 1);
  return std::string(text.substr(text.find_last_of('\n') + 1));
}

// Why there are no facts among what a host has said.
std::string ExplainSilence(const CommandOutput& output, bool is_remote,
                           const PreflightRequest& request, const Status& damage) {
  if (output.timed_out) {
    return StrCat("does not answer within ", request.deadline_s,
                  " s; check that it runs and that commands start there at once, or wait longer "
                  "with --start-timeout-s");
  }
  if (output.output.find(kMissing) != std::string::npos) {
    return StrCat("has no ronderun at ", request.ronderun,
                  "; install Ronde at the same path, or use a folder that all hosts share");
  }
  // A shell's own exit codes: nothing has arrived at the host.
  const bool reached = output.output.find("ronde-fact") != std::string::npos;
  if (is_remote && !reached && output.exit_code != 0) {
    return ExplainRemoteFailure(request.shell, output.exit_code, output.error_output);
  }
  if (output.exit_code == 0 && reached) return damage.message();
  return StrCat("cannot start ", request.ronderun, ": '", LastLine(output.error_output),
                "'; install the same Ronde and its libraries as here");
}

HostAnswer ReadAnswer(const std::string& host, const CommandOutput& output, bool is_remote,
                      const PreflightRequest& request) {
  HostAnswer answer{.host = host, .facts = {}, .problem = ""};
  const Result<HostReport> facts = ParseHostReport(output.output);
  if (facts.ok() && !output.timed_out) {
    answer.facts = facts.value();
  } else {
    answer.problem = ExplainSilence(output, is_remote, request, facts.status());
  }
  return answer;
}

// Ranks fill one host's slots before the next; those that find none left share all hosts.
std::vector<int> RanksByHost(const PreflightRequest& request) {
  int left = request.rank_count > 0 ? request.rank_count : TotalSlots(request.hosts);
  std::vector<int> ranks;
  for (const HostSlots& entry : request.hosts) {
    ranks.push_back(std::min(entry.slots, left));
    left -= ranks.back();
  }
  const int hosts = static_cast<int>(ranks.size());
  for (int& count : ranks) count += (left + hosts - 1) / hosts;
  return ranks;
}

}  // namespace

bool NeedsPreflight(const std::vector<HostSlots>& hosts,
                    const std::function<bool(const std::string&)>& is_own_host) {
  return !std::all_of(hosts.begin(), hosts.end(),
                      [&](const HostSlots& entry) { return is_own_host(entry.host); });
}

std::string HostReportScript(const PreflightRequest& request) {
  const std::string ronderun = Quoted(request.ronderun);
  std::string script;
  if (!request.mpirun.empty()) {
    script = StrCat("v=$(", Quoted(request.mpirun),
                    " --version 2>/dev/null | head -n 1); echo \"ronde-fact mpi $v\"; ");
  }
  return StrCat(script, "if [ -x ", ronderun, " ]; then exec ", ronderun, " --host-report ",
                Quoted(request.program), "; fi; echo ", kMissing);
}

Result<PreflightFindings> RunPreflight(const PreflightRequest& request) {
  const std::string script = HostReportScript(request);
  const double connect_s = std::min(request.deadline_s, kMostConnectSeconds);
  // This machine first, for what the others have to agree with.
  std::vector<std::vector<std::string>> commands = {{"sh", "-c", script}};
  std::vector<bool> is_remote;
  for (const HostSlots& entry : request.hosts) {
    is_remote.push_back(!request.is_own_host(entry.host));
    commands.push_back(is_remote.back()
                           ? RemoteCommand(request.shell, entry.host, script, connect_s)
                           : commands.front());
  }
  const std::vector<CommandOutput> outputs = RunInParallel(commands, request.deadline_s);
  const HostAnswer own = ReadAnswer("localhost", outputs.front(), false, request);
  if (!own.problem.empty()) return Status::InvalidArgument(StrCat("this host ", own.problem));
  const std::vector<int> ranks = RanksByHost(request);
  std::vector<HostAnswer> answers;
  for (std::size_t i = 0; i < request.hosts.size(); ++i) {
    answers.push_back(ReadAnswer(request.hosts[i].host, outputs[i + 1], is_remote[i], request));
    answers.back().ranks = ranks[i];
  }
  return JudgeHosts(answers, own.facts, request);
}

}  // namespace ronde
