"""A real Slurm on this host, for as long as the tests last: a controller and three nodes, made up of daemons.

Every node lives in a process namespace of its own. That is what makes it a machine: switching it off ends all that
runs on it in the same moment, and nothing that a job leaves behind outlives it.
"""

import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import TracebackType

from debian_packages import InstallError, install_missing

PACKAGES = {"slurmctld": "slurm-wlm", "slurmd": "slurm-wlm", "munged": "munge", "unshare": "util-linux"}
NODES = ("n1", "n2", "n3")
GPU_NODE = "n3"
SETTINGS = "/etc/slurm"
SEPARATOR = "\x1f"  # what no name and no comment holds
FIELDS = ("%i", "%j", "%T", "%N", "%k")  # as in Job
GONE = {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT"}

# Nodes claim more than the host has (config_overrides), so that several jobs run side by side on a small host.
SLURM_CONF = """\
ClusterName=orbitile
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool.%n
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmdLogFile={folder}/slurmd.%n.log
MailProg=/bin/true
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
PropagateResourceLimits=NONE
SlurmdParameters=config_overrides
ReturnToService=2

SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0

AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
JobCompType=jobcomp/none

OverTimeLimit=0
KillWait=30
SlurmctldTimeout=20
SlurmdTimeout=20
MinJobAge=300

GresTypes=gpu
{nodes}
PartitionName=cpu Nodes={names} Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes={gpu_node} MaxTime=INFINITE State=UP
"""


class ClusterError(Exception):
    """The cluster is not what a test may believe it is; the message is all there is to say."""


class SlurmError(ClusterError):
    """A Slurm command failed, as it may while a daemon starts."""


@dataclass(frozen=True)
class Job:
    """A line of `squeue`; jobs that have ended stay in it for `MinJobAge`."""

    id: str
    name: str
    state: str
    node: str
    comment: str

    @property
    def ended(self) -> bool:
        return self.state in GONE


@dataclass
class Cluster:
    """Slurm with the nodes n1, n2, n3 in the partition `cpu`, and n3, which has a GPU to give, in `gpu`.

    Jobs run as root and see the host's files. Sockets, keys, logs and state are kept in `folder`, and several clusters
    can run at a time.
    """

    folder: Path
    _daemons: dict[str, subprocess.Popen] = field(default_factory=dict, repr=False)

    def __enter__(self) -> "Cluster":
        self.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything, and wait until all nodes are idle."""
        install()
        self._write_config()
        try:
            self._start_munge()
            self._spawn("slurmctld", "slurmctld", "-D", "-i")
            for node in NODES:
                self.revive_node(node)
            self.wait_until(lambda: set(self.nodes().values()) == {"idle"}, 60)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End every daemon and all that runs on the nodes."""
        for name in [*NODES, "slurmctld", "munged"]:
            self._end(name)

    def environment(self) -> dict[str, str]:
        """What a subprocess needs for its Slurm commands to mean this cluster."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM_", "SBATCH_", "SRUN_"))}
        return own | {"SLURM_CONF": str(self.folder / "etc" / "slurm.conf")}

    def command(self, *words: str) -> str:
        """What a Slurm command says."""
        done = subprocess.run(words, capture_output=True, text=True, env=self.environment(), timeout=60)
        if done.returncode:
            raise SlurmError(f"{' '.join(words)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def submit(self, script: str, *options: str) -> str:
        """Submit a line of shell; the id of its job. Its output is to be read with `output`."""
        where = ("--chdir", str(self.folder), "--output", str(self.folder / "job.%j.out"))
        return self.command("sbatch", "--parsable", *where, *options, "--wrap", script)

    def output(self, job: str) -> str:
        path = self.folder / f"job.{job}.out"
        return path.read_text() if path.exists() else ""

    def jobs(self) -> list[Job]:
        lines = self.command("squeue", "--noheader", "--states=all", f"--format={SEPARATOR.join(FIELDS)}").splitlines()
        return [Job(*line.split(SEPARATOR)) for line in lines]

    def job(self, job: str) -> Job:
        """The job of an id; fails where `squeue` has forgotten it."""
        known = {one.id: one for one in self.jobs()}
        if job not in known:
            raise ClusterError(f"squeue knows no job {job}, only {sorted(known)}")
        return known[job]

    def nodes(self) -> dict[str, str]:
        """The states of the nodes, as `sinfo` shortens them; a trailing `*` says that a node does not answer."""
        lines = self.command("sinfo", "--noheader", "--Node", "--partition=cpu", "--format=%N %t").splitlines()
        return dict(line.split() for line in lines)

    def cancel(self, job: str) -> None:
        self.command("scancel", job)

    def kill_node(self, name: str) -> None:
        """Switch a node off: its slurmd and all its jobs' processes end at once, unasked."""
        if name not in self._daemons:
            raise ClusterError(f"node {name} is off already")
        self._end(name)

    def revive_node(self, name: str) -> None:
        """Switch a node on. It is of use again when `nodes` says `idle`."""
        if name in self._daemons:
            raise ClusterError(f"node {name} is on already")
        namespace = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
        # On a node the settings lie where Slurm looks for them unasked: the executor's job steps hide SLURM_CONF.
        # The shell is the namespace's first process: it collects what ends without a parent, which slurmd would not.
        script = f"mount --bind etc {SETTINGS} && slurmd -D -N {name} & wait $!"
        self._spawn(name, *namespace, "sh", "-c", script)

    def processes(self, name: str) -> dict[int, str]:
        """The processes of a node, by the host's numbering, with their command lines."""
        return {pid: _command_line(pid) for pid in _descendants(self._daemons[name].pid)}

    def wait_until(self, condition: Callable[[], object], seconds: float) -> None:
        """Wait until a condition holds; where it does not, tell what the cluster looks like."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._check_daemons()
                if condition():
                    return
                problem = "not so"
            except (OSError, subprocess.TimeoutExpired, SlurmError) as error:
                problem = str(error)
            if time.monotonic() > deadline:
                raise ClusterError(f"after {seconds:g} s: {problem}\n{self.situation()}")
            time.sleep(0.2)

    def situation(self) -> str:
        """Queue, nodes and the ends of the logs, for messages."""
        said = [_try(self.command, "squeue", "--states=all"), _try(self.command, "sinfo", "--Node", "--long")]
        logs = sorted(self.folder.glob("*.log"))
        tails = [f"== {log.name}\n" + "\n".join(_lines(log)[-15:]) for log in logs]
        return "\n".join([*said, *tails])

    def _write_config(self) -> None:
        """Write all settings; every place a daemon writes to lies in the folder."""
        etc = self.folder / "etc"
        for folder in (etc, self.folder / "state", *(self.folder / f"spool.{name}" for name in NODES)):
            folder.mkdir(parents=True, exist_ok=True)
        port, *ports = free_ports(1 + len(NODES))
        host = socket.gethostname().split(".")[0]
        nodes = "\n".join(_node(name, host, port) for name, port in zip(NODES, ports, strict=True))
        names = ",".join(NODES)
        values = dict(host=host, port=port, folder=self.folder, nodes=nodes, names=names, gpu_node=GPU_NODE)
        (etc / "slurm.conf").write_text(SLURM_CONF.format(**values))
        # Slurm hands the device out; that it is none is for nobody to notice.
        (etc / "gres.conf").write_text(f"NodeName={GPU_NODE} Name=gpu File=/dev/null\n")

    def _check_daemons(self) -> None:
        for name, daemon in self._daemons.items():
            if daemon.poll() is not None:
                said = "\n".join(_lines(self.folder / f"{name}.out")[-5:])
                raise ClusterError(f"the daemon of {name} ended with {daemon.returncode}: {said}")

    def _start_munge(self) -> None:
        """Start a munged of our own, with its own key: nothing else on the host trusts it or is trusted."""
        key, wire = self.folder / "munge.key", self.folder / "munge.socket"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o600)
        paths = {"socket": wire, "key-file": key, "pid-file": self.folder / "munged.pid"}
        paths |= {"seed-file": self.folder / "munged.seed", "log-file": self.folder / "munged.log"}
        # Forced, since the folders of tests are open to nobody else, which munged holds to be a mistake.
        self._spawn("munged", "munged", "--foreground", "--force", *(f"--{key}={path}" for key, path in paths.items()))
        self.wait_until(wire.exists, 10)

    def _spawn(self, name: str, *words: str) -> None:
        """Start a daemon that ends with this process, even where this process is killed."""
        with open(self.folder / f"{name}.out", "ab") as log:
            daemon = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder, env=self.environment(),
                start_new_session=True,
            )  # fmt: skip
        self._daemons[name] = daemon

    def _end(self, name: str) -> None:
        """End a daemon: a node at once and with all that runs on it, others politely first."""
        daemon = self._daemons.pop(name, None)
        if daemon is None:
            return
        if name in NODES:
            # `unshare` waits for the namespace's first process, whose end is the end of all others.
            for first in _children(daemon.pid):
                _kill(first)
        else:
            daemon.terminate()
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def install() -> None:
    """Install what is missing. Only root can, and only root can run the cluster."""
    if os.geteuid() != 0:
        raise ClusterError("a Slurm for tests must be started by root")
    try:
        install_missing(_missing_packages)
    except InstallError as error:
        raise ClusterError(str(error)) from error


def _missing_packages() -> list[str]:
    return sorted({package for program, package in PACKAGES.items() if shutil.which(program) is None})


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses, below those that the kernel gives to outgoing connections and beside Slurm's own."""
    return list(islice(filter(_is_free, random.sample(range(20000, 32000), 1000)), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def _node(name: str, host: str, port: int) -> str:
    gpu = " Gres=gpu:1" if name == GPU_NODE else ""
    return f"NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=7000{gpu}"


def _children(pid: int) -> list[int]:
    """The processes that a process started, from whichever of its threads."""
    listings = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for listing in listings for child in _words(listing)]


def _words(path: Path) -> list[str]:
    """The words of a file that may be gone at any moment."""
    try:
        return path.read_text().split()
    except OSError:
        return []


def _descendants(pid: int) -> list[int]:
    return [one for child in _children(pid) for one in (child, *_descendants(child))]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()


def _try(say: Callable[..., str], *words: str) -> str:
    try:
        return say(*words)
    except (SlurmError, OSError, subprocess.TimeoutExpired) as error:
        return str(error)
