// What batch systems tell of a job: Slurm's variables and PBS's node files. The first line of an
// input is the list of hosts, the second that of counts, the rest is a node file.
#include <array>
#include <set>

#include "core/base/strcat.h"
#include "launcher/allocation.h"
#include "launcher/slurm_lists.h"
#include "tests/fuzz/fuzz_target.h"

namespace ronde {
namespace {

std::string_view TakeLine(std::string_view* text) {
  const std::size_t newline = std::min(text->find('\n'), text->size());
  const std::string_view line = text->substr(0, newline);
  text->remove_prefix(std::min(newline + 1, text->size()));
  return line;
}

void CheckAllocation(const Result<Allocation>& allocation, std::string_view named_in_errors) {
  if (!allocation.ok()) {
    FUZZ_REQUIRE(allocation.status().code() == StatusCode::kInvalidArgument);
    FUZZ_REQUIRE(allocation.status().message().find(named_in_errors) != std::string::npos);
    return;
  }
  const Allocation& job = allocation.value();
  FUZZ_REQUIRE((job.system == BatchSystem::kNone) == job.hosts.empty());
  std::set<std::string> names;
  for (const HostSlots& entry : job.hosts) {
    FUZZ_REQUIRE(entry.slots >= 1 && names.insert(entry.host).second);
  }
  if (job.hosts.empty()) return;
  // Every host of a job may be chosen, and no other.
  const Result<HostPlan> plan = ChooseHosts(job.hosts, "-H", job, "none");
  FUZZ_REQUIRE(plan.ok() && plan.value().hosts == job.hosts && plan.value().note.empty());
  FUZZ_REQUIRE(!ChooseHosts({{.host = "none-such.invalid"}}, "-H", job, "none").ok());
}

int FuzzAllocation(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string hosts(TakeLine(&text));
  const std::string counts(TakeLine(&text));
  const auto read = [text](const std::string&) -> Result<std::string> { return std::string(text); };

  if (const auto names = ExpandSlurmHosts(hosts); names.ok()) {
    FUZZ_REQUIRE(!names.value().empty() && names.value().size() <= 65536);
  }
  if (const auto numbers = ExpandSlurmCounts(counts); numbers.ok()) {
    FUZZ_REQUIRE(!numbers.value().empty() && numbers.value().size() <= 65536);
  }
  const std::vector<std::string> slurm = {"SLURM_JOB_ID=1", "SLURM_JOB_NODELIST=" + hosts,
                                          "SLURM_TASKS_PER_NODE=" + counts};
  // A list of tens of thousands of hosts is well formed, and slow to check one by one.
  if (ExpandSlurmHosts(hosts).ok() && ExpandSlurmHosts(hosts).value().size() > 500) return 0;
  CheckAllocation(FindAllocation(slurm, read), "");
  const std::vector<std::string> pbs = {"PBS_JOBID=1", "PBS_NODEFILE=/f", "PBS_NUM_PPN=" + counts};
  CheckAllocation(FindAllocation(pbs, read), "PBS_");
  return 0;
}

std::vector<std::string> AllocationSeeds() {
  return {"n[01-03,7],gpu2\n2(x3),1,4\nn1\nn1\nn2\n", "r[1-2]n[3-4]\n1(x4)\na\r\n\nb\n",
          "h[1-2]\n2,1\n[fd00::7]:2\nn1.cluster.org\n", "n\n16\n\n"};
}

constexpr std::array<std::string_view, 14> kWords = {"[", "]",  "[1-9]",     "[001-100]", "-",
                                                     ",", "(x", "(x3)",      ")",         "65536",
                                                     "0", "\n", "[1-99999]", "\r\n"};

}  // namespace

const FuzzTarget kFuzzTarget = {&FuzzAllocation, &AllocationSeeds, kWords};

}  // namespace ronde
