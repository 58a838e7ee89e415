// Environments as batch systems have made them.
#include "launcher/allocation.h"

#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/strcat.h"

namespace ronde {
namespace {

using testing::HasSubstr;
using Hosts = std::vector<HostSlots>;
using Variables = std::vector<std::string>;
using Files = std::map<std::string, std::string>;

Result<Allocation> Find(const Variables& variables, const Files& files = {}) {
  return FindAllocation(variables, [&files](const std::string& path) -> Result<std::string> {
    const auto file = files.find(path);
    if (file == files.end()) return Status::InvalidArgument("this file cannot be read");
    return file->second;
  });
}

std::string ErrorOf(const Variables& variables, const Files& files = {}) {
  return Find(variables, files).status().message();
}

TEST(Allocation, IsNoneOutsideOfBatchSystems) {
  EXPECT_EQ(Find({"PATH=/bin", "SLURM_CONF=/etc/slurm.conf"}).value().system, BatchSystem::kNone);
  // A number without nodes: a shell that a job has left behind.
  EXPECT_EQ(Find({"SLURM_JOB_ID=17"}).value().system, BatchSystem::kNone);
  EXPECT_EQ(Find({"PBS_JOBID=17.server"}).value().system, BatchSystem::kNone);
}

// salloc -N2 -n3, Slurm 22.05.8, two nodes of four CPUs.
TEST(SlurmAllocation, IsReadFromSallocsVariables) {
  const Result<Allocation> allocation =
      Find({"SLURM_JOBID=2", "SLURM_JOB_NUM_NODES=2", "SLURM_TASKS_PER_NODE=2,1",
            "SLURM_JOB_NAME=interactive", "SLURM_JOB_CPUS_PER_NODE=2,1",
            "SLURM_CONF=/etc/slurm/slurm.conf", "SLURM_SUBMIT_HOST=h1", "SLURM_NODELIST=h[1-2]",
            "SLURM_JOB_ID=2", "SLURM_NNODES=2", "SLURM_JOB_NODELIST=h[1-2]",
            "SLURM_CLUSTER_NAME=ronde", "SLURM_JOB_PARTITION=test", "SLURM_NTASKS=3",
            "SLURM_NPROCS=3", "SLURM_SUBMIT_DIR=/home/me", "SLURM_NODE_ALIASES=(null)"});
  ASSERT_TRUE(allocation.ok()) << allocation.status().message();
  EXPECT_EQ(allocation.value().system, BatchSystem::kSlurm);
  EXPECT_EQ(allocation.value().name, "Slurm job 2");
  EXPECT_EQ(allocation.value().hosts, (Hosts{{"h1", 2}, {"h2", 1}}));
}

// srun -N1 -n1 of a shell inside of salloc -N2 -n4, Slurm 22.05.8: the tasks are the step's.
TEST(SlurmAllocation, IsTheJobsWhereAStepHasFewerNodes) {
  const Result<Allocation> allocation =
      Find({"SLURM_JOB_ID=2", "SLURM_JOB_NODELIST=h[1-2]", "SLURM_NODELIST=h[1-2]",
            "SLURM_JOB_CPUS_PER_NODE=3,1", "SLURM_JOB_NUM_NODES=2", "SLURM_NNODES=1",
            "SLURM_STEP_ID=0", "SLURM_STEP_NODELIST=h1", "SLURM_STEP_NUM_NODES=1",
            "SLURM_STEP_NUM_TASKS=1", "SLURM_STEP_TASKS_PER_NODE=1", "SLURM_TASKS_PER_NODE=1",
            "SLURM_CPUS_ON_NODE=3", "SLURM_NTASKS=1", "SLURM_PROCID=0"});
  ASSERT_TRUE(allocation.ok()) << allocation.status().message();
  EXPECT_EQ(allocation.value().hosts, (Hosts{{"h1", 3}, {"h2", 1}}));
}

// salloc -N2 --ntasks-per-node=2 -c2, Slurm 22.05.8.
TEST(SlurmAllocation, TakesTasksWhereEachHasSeveralCpus) {
  const Result<Allocation> allocation = Find(
      {"SLURM_CPUS_PER_TASK=2", "SLURM_JOBID=4", "SLURM_JOB_CPUS_PER_NODE=4(x2)", "SLURM_JOB_ID=4",
       "SLURM_JOB_NODELIST=h[1-2]", "SLURM_JOB_NUM_NODES=2", "SLURM_NODELIST=h[1-2]",
       "SLURM_NTASKS=4", "SLURM_NTASKS_PER_NODE=2", "SLURM_TASKS_PER_NODE=2(x2)"});
  EXPECT_EQ(allocation.value().hosts, (Hosts{{"h1", 2}, {"h2", 2}}));
}

// sbatch --nodes=4 --ntasks-per-node=2 --cpus-per-task=8, in the form of Slurm 23.11 and 24.05.
TEST(SlurmAllocation, TakesTasksAndNotCpusForSlots) {
  const Result<Allocation> allocation =
      Find({"SLURM_JOB_ID=81234", "SLURM_JOB_NODELIST=gpu[008-010],login3",
            "SLURM_TASKS_PER_NODE=2(x4)", "SLURM_NTASKS_PER_NODE=2", "SLURM_CPUS_PER_TASK=8",
            "SLURM_JOB_CPUS_PER_NODE=16(x4)", "SLURM_CPUS_ON_NODE=16"});
  ASSERT_TRUE(allocation.ok()) << allocation.status().message();
  EXPECT_EQ(allocation.value().hosts,
            (Hosts{{"gpu008", 2}, {"gpu009", 2}, {"gpu010", 2}, {"login3", 2}}));
}

// Slurm 2 and 14 knew SLURM_NODELIST and SLURM_JOBID alone.
TEST(SlurmAllocation, IsReadFromVariablesOfOldVersions) {
  const Result<Allocation> allocation =
      Find({"SLURM_JOBID=5", "SLURM_NODELIST=n1", "SLURM_TASKS_PER_NODE=4"});
  EXPECT_EQ(allocation.value().name, "Slurm job 5");
  EXPECT_EQ(allocation.value().hosts, (Hosts{{"n1", 4}}));
}

TEST(SlurmAllocation, MakesSlotsOfCpusWhereNoTasksAreCounted) {
  const Variables job = {"SLURM_JOB_ID=5", "SLURM_JOB_NODELIST=n[1-2]"};
  const auto slots = [&job](Variables more) {
    more.insert(more.end(), job.begin(), job.end());
    return Find(more).value().hosts;
  };
  EXPECT_EQ(slots({}), (Hosts{{"n1", 1}, {"n2", 1}}));
  EXPECT_EQ(slots({"SLURM_NTASKS_PER_NODE=3"}), (Hosts{{"n1", 3}, {"n2", 3}}));
  EXPECT_EQ(slots({"SLURM_JOB_CPUS_PER_NODE=8,4"}), (Hosts{{"n1", 8}, {"n2", 4}}));
  EXPECT_EQ(slots({"SLURM_JOB_CPUS_PER_NODE=8,4", "SLURM_CPUS_PER_TASK=3"}),
            (Hosts{{"n1", 2}, {"n2", 1}}));
  EXPECT_EQ(slots({"SLURM_CPUS_ON_NODE=6"}), (Hosts{{"n1", 6}, {"n2", 6}}));
}

TEST(SlurmAllocation, NamesTheVariableThatIsWrong) {
  EXPECT_EQ(ErrorOf({"SLURM_JOB_ID=5", "SLURM_JOB_NODELIST=n[1-2"}),
            "SLURM_JOB_NODELIST='n[1-2': 'n[1-2' has no ']'; it comes from the batch system: give "
            "hosts with -H, or start outside of its jobs");
  EXPECT_THAT(ErrorOf({"SLURM_JOB_ID=5", "SLURM_JOB_NODELIST=n[1-3]", "SLURM_TASKS_PER_NODE=2"}),
              HasSubstr("SLURM_TASKS_PER_NODE='2': counts for 1 nodes; the job has 3"));
  EXPECT_THAT(ErrorOf({"SLURM_JOB_ID=5", "SLURM_JOB_NODELIST=n1", "SLURM_TASKS_PER_NODE=2(y3)"}),
              HasSubstr("SLURM_TASKS_PER_NODE='2(y3)': '2(y3)' is not of the form N or N(xTIMES)"));
}

// qsub -l nodes=2:ppn=2 of Torque 6: a line for each processor.
TEST(PbsAllocation, CountsTheLinesOfTorquesFile) {
  const Result<Allocation> allocation =
      Find({"PBS_JOBID=1204.head", "PBS_NODEFILE=/var/spool/torque/aux/1204.head", "PBS_NUM_PPN=2",
            "PBS_NUM_NODES=2", "PBS_NP=4", "PBS_VERSION=TORQUE-6.1.1"},
           {{"/var/spool/torque/aux/1204.head", "c2\nc2\nc1\nc1\n"}});
  ASSERT_TRUE(allocation.ok()) << allocation.status().message();
  EXPECT_EQ(allocation.value().system, BatchSystem::kPbs);
  EXPECT_EQ(allocation.value().name, "PBS job 1204.head");
  EXPECT_EQ(allocation.value().hosts, (Hosts{{"c2", 2}, {"c1", 2}}));
}

// qsub -l select=2:ncpus=8:mpiprocs=4 of OpenPBS 20: a line for each MPI process, full names.
TEST(PbsAllocation, CountsTheLinesOfOpenPbssFile) {
  const Result<Allocation> allocation =
      Find({"PBS_JOBID=7[3].pbs", "PBS_NODEFILE=/var/spool/pbs/aux/7[3].pbs", "NCPUS=8",
            "OMP_NUM_THREADS=8"},
           {{"/var/spool/pbs/aux/7[3].pbs",
             "n1.cluster.org\nn1.cluster.org\nn2.cluster.org\nn2.cluster.org\n"}});
  EXPECT_EQ(allocation.value().hosts, (Hosts{{"n1.cluster.org", 2}, {"n2.cluster.org", 2}}));
}

TEST(PbsAllocation, TakesPpnWhereEveryNodeStandsThereOnce) {
  const Result<Allocation> allocation =
      Find({"PBS_JOBID=9", "PBS_NODEFILE=/f", "PBS_NUM_PPN=4"}, {{"/f", "a\r\n\nb"}});
  EXPECT_EQ(allocation.value().hosts, (Hosts{{"a", 4}, {"b", 4}}));
}

TEST(PbsAllocation, NamesTheFileAndTheLineThatIsWrong) {
  const Variables job = {"PBS_JOBID=9", "PBS_NODEFILE=/f"};
  EXPECT_EQ(ErrorOf(job),
            "PBS_NODEFILE='/f': this file cannot be read; it comes from the batch "
            "system: give hosts with -H, or start outside of its jobs");
  EXPECT_THAT(ErrorOf(job, {{"/f", "a\nb c\n"}}), HasSubstr("'/f': line 2 of this file: 'b c'"));
  EXPECT_THAT(ErrorOf(job, {{"/f", "\n \n"}}), HasSubstr("'/f': this file names no host"));
}

}  // namespace
}  // namespace ronde
