"""A real Slurm cluster for tests: munged, slurmctld and a slurmd for each host, in one folder.

Its hosts are those of a test bed, or this machine alone. Nothing of an installed Slurm's own
configuration, keys or sockets is read or written, so that a cluster may run beside it.
"""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "salloc", "srun", "sinfo")
PATIENCE_S = 30
PR_SET_PDEATHSIG = 1

CONFIGURATION = """
ClusterName=ronde
SlurmctldHost={first}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={controller_port}
SlurmdPort={daemon_port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
TmpFS={folder}/tmp.%n
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
KillWait=2
SchedulerType=sched/builtin
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Why there can be no cluster here; "" where there can."""
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    absent = [program for program in PROGRAMS if not shutil.which(program, path=path)]
    if absent:
        return f"no {', '.join(absent)}; apt-get install --no-install-recommends slurm-wlm munge"
    return "" if os.geteuid() == 0 else "only root can start slurmd"


def die_with_the_test():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SlurmCluster:
    """`with SlurmCluster(folder, bed) as cluster`: hosts of four CPUs each; without a bed, this
    machine. Gone at the end with all that it has started, and where this process is killed."""

    def __init__(self, folder, bed=None):
        self.folder = folder
        self.bed = bed
        self.hosts = bed.hosts if bed else [socket.gethostname().partition(".")[0]]
        self.daemons = []

    def __enter__(self):
        try:
            self._write_configuration()
            self._start_munge()
            self._start("slurmctld", self._on(self.hosts[0], "slurmctld", "-D"))
            for host in self.hosts:
                self._start(host, self._on(host, "slurmd", "-D", "-N", host))
            self._wait_for_nodes()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for name in ["slurmctld", *(f"slurmd.{host}" for host in self.hosts)]:
            self._end_by_pid_file(f"{self.folder}/{name}.pid")
        for daemon in reversed(self.daemons):
            try:
                daemon.wait(timeout=10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def run(self, *command, timeout_s=60, **variables):
        """Runs a command of Slurm (salloc, srun) on the first host."""
        words = self._on(self.hosts[0], "env", *(f"{key}={value}" for key, value
                                                 in variables.items()), *command)
        return subprocess.run(words, capture_output=True, text=True, timeout=timeout_s,
                              check=False, stdin=subprocess.DEVNULL, env=self._environment())

    def _environment(self):
        kept = {key: value for key, value in os.environ.items()
                if not key.startswith(("RONDE_", "OMPI_", "PMIX_", "SLURM_"))}
        return {**kept, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}

    def _on(self, host, *command):
        words = ["env", f"SLURM_CONF={self.folder}/slurm.conf", f"PATH={self._environment()['PATH']}",
                 *command]
        return self.bed.command("exec", host, *words) if self.bed else words

    def _write_configuration(self):
        os.chmod(self.folder, 0o755)  # munge's socket is for everyone
        for name in ["state", *(f"{kind}.{host}" for kind in ("spool", "tmp")
                                for host in self.hosts)]:
            os.makedirs(f"{self.folder}/{name}")
        address = "" if self.bed else " NodeAddr=127.0.0.1"
        text = CONFIGURATION.format(
            folder=self.folder, first=self.hosts[0] + ("" if self.bed else "(127.0.0.1)"),
            controller_port=free_port(), daemon_port=free_port())
        for host in self.hosts:
            text += f"NodeName={host}{address} CPUs=4 State=UNKNOWN\n"
        with open(f"{self.folder}/slurm.conf", "w", encoding="utf-8") as file:
            file.write(text)

    def _start_munge(self):
        key = f"{self.folder}/munge.key"
        with open(os.open(key, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as file:
            file.write(os.urandom(128))
        self._start("munged", [
            "munged", "--foreground", "--num-threads=1", f"--key-file={key}",
            f"--socket={self.folder}/munge.socket", f"--pid-file={self.folder}/munged.pid",
            f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munged.seed"])
        self._wait(lambda: os.path.exists(f"{self.folder}/munge.socket"), "munged")

    def _start(self, name, command):
        with open(f"{self.folder}/{name}.out", "w", encoding="utf-8") as output:
            self.daemons.append(subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env=self._environment(), preexec_fn=die_with_the_test))

    def _wait_for_nodes(self):
        self._wait(lambda: self.run("sinfo", "--noheader", "--Node", "--format=%t")
                   .stdout.split() == ["idle"] * len(self.hosts), "its nodes")

    def _wait(self, is_there, what):
        end = time.monotonic() + PATIENCE_S
        while not is_there():
            ended = any(daemon.poll() is not None for daemon in self.daemons)
            if ended or time.monotonic() > end:
                raise RuntimeError(f"Slurm waits for {what}:\n{self.logs()}")
            time.sleep(0.05)

    def logs(self):
        text = ""
        for name in sorted(os.listdir(self.folder)):
            if name.endswith((".log", ".out")):
                with open(f"{self.folder}/{name}", encoding="utf-8", errors="replace") as file:
                    text += f"--- {name}\n" + "".join(file.readlines()[-15:])
        return text

    @staticmethod
    def _end_by_pid_file(path):
        try:
            with open(path, encoding="utf-8") as file:
                os.kill(int(file.read()), signal.SIGTERM)
        except (OSError, ValueError):
            pass
