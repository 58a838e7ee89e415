#include "launcher/allocation.h"

#include <algorithm>
#include <charconv>

#include "core/base/strcat.h"
#include "launcher/slurm_lists.h"

namespace ronde {
namespace {

using Variables = std::span<const std::string>;

std::string_view ValueOf(Variables variables, std::string_view name) {
  for (const std::string_view variable : variables) {
    if (variable.size() > name.size() && variable[name.size()] == '=' &&
        variable.substr(0, name.size()) == name) {
      return variable.substr(name.size() + 1);
    }
  }
  return "";
}

// A variable under its own name or, in older versions, another one.
struct Named {
  std::string_view name;
  std::string_view value;
};

Named FirstOf(Variables variables, std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    const std::string_view value = ValueOf(variables, name);
    if (!value.empty()) return {name, value};
  }
  return {};
}

Status WrongVariable(const Named& variable, std::string_view problem) {
  return Status::InvalidArgument(
      StrCat(variable.name, "='", variable.value, "': ", problem,
             "; it comes from the batch system: give hosts with -H, or start outside of its jobs"));
}

Result<int> CountIn(const Named& variable) {
  int count = 0;
  if (ParseSlotCount(variable.value, &count)) return count;
  return WrongVariable(variable, "is not a number from 1 to 65536");
}

// One number of slots for each of `nodes` nodes.
Result<std::vector<int>> CountsIn(const Named& variable, std::size_t nodes) {
  Result<std::vector<int>> counts = ExpandSlurmCounts(variable.value);
  if (!counts.ok()) return WrongVariable(variable, counts.status().message());
  if (counts.value().size() == nodes) return counts;
  return WrongVariable(variable,
                       StrCat("counts for ", counts.value().size(), " nodes; the job has ", nodes));
}

// CPUs are what tasks are made of where Slurm was not told how many tasks there will be.
Result<std::vector<int>> SlotsFromCpus(Variables variables, std::size_t nodes) {
  constexpr std::string_view kCpus[] = {"SLURM_JOB_CPUS_PER_NODE"};
  constexpr std::string_view kOwnCpus[] = {"SLURM_CPUS_ON_NODE"};
  constexpr std::string_view kPerTask[] = {"SLURM_CPUS_PER_TASK"};
  std::vector<int> slots(nodes, 1);
  if (const Named cpus = FirstOf(variables, kCpus); !cpus.value.empty()) {
    RONDE_ASSIGN_OR_RETURN(slots, CountsIn(cpus, nodes));
  } else if (const Named own = FirstOf(variables, kOwnCpus); !own.value.empty()) {
    RONDE_ASSIGN_OR_RETURN(const int count, CountIn(own));
    slots.assign(nodes, count);
  }
  const Named per_task = FirstOf(variables, kPerTask);
  if (per_task.value.empty()) return slots;
  RONDE_ASSIGN_OR_RETURN(const int divisor, CountIn(per_task));
  for (int& count : slots) count = std::max(1, count / divisor);
  return slots;
}

// A step on some of a job's nodes (a shell by `srun -N1 --pty`) sees the job's list of nodes, but
// its own tasks.
bool IsStepOnFewerNodes(Variables variables, std::size_t nodes) {
  const std::string_view list = ValueOf(variables, "SLURM_STEP_NODELIST");
  if (list.empty()) return false;
  const Result<std::vector<std::string>> hosts = ExpandSlurmHosts(list);
  return hosts.ok() && hosts.value().size() < nodes;
}

Result<std::vector<int>> SlurmSlots(Variables variables, std::size_t nodes) {
  constexpr std::string_view kTasks[] = {"SLURM_TASKS_PER_NODE", "SLURM_STEP_TASKS_PER_NODE"};
  constexpr std::string_view kEqualTasks[] = {"SLURM_NTASKS_PER_NODE"};
  if (IsStepOnFewerNodes(variables, nodes)) return SlotsFromCpus(variables, nodes);
  if (const Named tasks = FirstOf(variables, kTasks); !tasks.value.empty()) {
    return CountsIn(tasks, nodes);
  }
  if (const Named tasks = FirstOf(variables, kEqualTasks); !tasks.value.empty()) {
    RONDE_ASSIGN_OR_RETURN(const int count, CountIn(tasks));
    return std::vector<int>(nodes, count);
  }
  return SlotsFromCpus(variables, nodes);
}

Result<Allocation> SlurmAllocation(Variables variables, std::string_view job) {
  constexpr std::string_view kLists[] = {"SLURM_JOB_NODELIST", "SLURM_NODELIST",
                                         "SLURM_STEP_NODELIST"};
  const Named list = FirstOf(variables, kLists);
  Allocation allocation{
      .system = BatchSystem::kSlurm, .name = StrCat("Slurm job ", job), .hosts = {}};
  // A shell on a login node keeps the number of a job, but no nodes.
  if (list.value.empty()) return Allocation{};
  const Result<std::vector<std::string>> hosts = ExpandSlurmHosts(list.value);
  if (!hosts.ok()) return WrongVariable(list, hosts.status().message());
  RONDE_ASSIGN_OR_RETURN(const std::vector<int> slots, SlurmSlots(variables, hosts.value().size()));
  for (std::size_t i = 0; i < slots.size(); ++i) {
    RONDE_RETURN_IF_ERROR(
        AddHost({.host = hosts.value()[i], .slots = slots[i]}, &allocation.hosts));
  }
  return allocation;
}

Status ReadNodefile(const Named& file, std::string_view text, std::vector<HostSlots>* hosts) {
  for (int line_number = 1; !text.empty(); ++line_number) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(std::min(newline + 1, text.size()));
    const std::size_t end = line.find_last_not_of(" \t\r");
    if (end == std::string_view::npos) continue;
    line = line.substr(0, end + 1);
    Result<HostSlots> entry = ParseHostEntry(line);
    const Status status = entry.ok() ? AddHost(std::move(entry).value(), hosts) : entry.status();
    if (!status.ok()) {
      return WrongVariable(file, StrCat("line ", line_number, " of this file: ", status.message()));
    }
  }
  return hosts->empty() ? WrongVariable(file, "this file names no host") : Status::Ok();
}

// Torque repeats a node once per processor, OpenPBS once per MPI process (mpiprocs). A job that
// names each node once may say elsewhere how many it takes.
Status RaiseToPbsCounts(Variables variables, std::vector<HostSlots>* hosts) {
  constexpr std::string_view kPerNode[] = {"PBS_NUM_PPN"};
  const Named per_node = FirstOf(variables, kPerNode);
  const bool once = std::all_of(hosts->begin(), hosts->end(),
                                [](const HostSlots& entry) { return entry.slots == 1; });
  if (per_node.value.empty() || !once) return Status::Ok();
  RONDE_ASSIGN_OR_RETURN(const int count, CountIn(per_node));
  for (HostSlots& entry : *hosts) entry.slots = count;
  return Status::Ok();
}

Result<Allocation> PbsAllocation(Variables variables, std::string_view job,
                                 const FileReader& read_file) {
  constexpr std::string_view kFiles[] = {"PBS_NODEFILE"};
  const Named file = FirstOf(variables, kFiles);
  if (file.value.empty()) return Allocation{};
  const Result<std::string> text = read_file(std::string(file.value));
  if (!text.ok()) return WrongVariable(file, text.status().message());
  Allocation allocation{.system = BatchSystem::kPbs, .name = StrCat("PBS job ", job), .hosts = {}};
  RONDE_RETURN_IF_ERROR(ReadNodefile(file, text.value(), &allocation.hosts));
  RONDE_RETURN_IF_ERROR(RaiseToPbsCounts(variables, &allocation.hosts));
  return allocation;
}

}  // namespace

Result<Allocation> FindAllocation(std::span<const std::string> variables,
                                  const FileReader& read_file) {
  constexpr std::string_view kSlurmJobs[] = {"SLURM_JOB_ID", "SLURM_JOBID"};
  constexpr std::string_view kPbsJobs[] = {"PBS_JOBID"};
  if (const Named job = FirstOf(variables, kSlurmJobs); !job.value.empty()) {
    return SlurmAllocation(variables, job.value);
  }
  if (const Named job = FirstOf(variables, kPbsJobs); !job.value.empty()) {
    return PbsAllocation(variables, job.value, read_file);
  }
  return Allocation{};
}

}  // namespace ronde
