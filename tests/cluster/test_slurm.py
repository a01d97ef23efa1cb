"""The cluster of the tests behaves as clusters do: what other tests conclude from it rests on that."""

import sys
from pathlib import Path

import pytest
from slurm import GPU_NODE, NODES, Cluster, ClusterError

# 500 MB, written to, since memory that nobody has touched counts for nothing.
GREEDY = f"{sys.executable} -c 'import time; hoard = b\"x\" * 500_000_000; time.sleep(60)'"
STUBBORN = "trap 'echo told to stop' TERM; while true; do sleep 0.5; echo at work; done"


@pytest.fixture(scope="module")
def late_and_lost(cluster: Cluster) -> tuple[str, str]:
    """A job that works beyond its minute, and one whose node, n2, dies. Both take their time: they share it."""
    late = cluster.submit(STUBBORN, "--time=1", "--nodelist=n1")
    lost = cluster.submit("sleep 600", "--nodelist=n2")
    cluster.wait_until(lambda: cluster.job(lost).state == "RUNNING", 20)
    cluster.kill_node("n2")
    return late, lost


def test_every_node_becomes_idle(cluster: Cluster) -> None:
    """After start, and after jobs of other tests, which slurmd takes a moment to clean up."""
    cluster.wait_until(lambda: cluster.nodes() == dict.fromkeys(NODES, "idle"), 60)


def test_every_node_runs_jobs(cluster: Cluster) -> None:
    jobs = {node: cluster.submit("echo $SLURMD_NODENAME", f"--nodelist={node}") for node in NODES}
    cluster.wait_until(lambda: all(cluster.job(job).ended for job in jobs.values()), 20)
    assert {node: cluster.output(job).strip() for node, job in jobs.items()} == {node: node for node in NODES}


def test_queue_tells_name_state_node_and_comment(cluster: Cluster) -> None:
    id_ = cluster.submit("sleep 60", "--job-name=a|b", "--comment=rule x|y", "--nodelist=n1")
    cluster.wait_until(lambda: cluster.job(id_).state == "RUNNING", 20)
    job = cluster.job(id_)
    assert (job.name, job.node, job.comment) == ("a|b", "n1", "rule x|y")
    cluster.cancel(id_)
    cluster.wait_until(lambda: cluster.job(id_).state == "CANCELLED", 20)


@pytest.mark.parametrize("wish", ["--gres=gpu:1", "--gpus=1", "--partition=gpu"])
def test_gpu_is_given_where_it_is_asked_for(cluster: Cluster, wish: str) -> None:
    job = cluster.submit("echo $SLURMD_NODENAME ${CUDA_VISIBLE_DEVICES:-none}", wish)
    cluster.wait_until(lambda: cluster.job(job).ended, 20)
    assert cluster.output(job).split() == [GPU_NODE, "none" if "partition" in wish else "0"]


def test_steps_find_the_cluster_without_being_told(cluster: Cluster) -> None:
    job = cluster.submit("unset SLURM_CONF; srun --ntasks=1 echo a step")
    cluster.wait_until(lambda: cluster.job(job).ended, 20)
    assert cluster.output(job) == "a step\n"


def test_job_that_takes_too_much_memory_is_killed(cluster: Cluster) -> None:
    job = cluster.submit(GREEDY, "--mem=200")
    cluster.wait_until(lambda: cluster.job(job).ended, 20)
    assert cluster.job(job).state in {"OUT_OF_MEMORY", "CANCELLED", "FAILED"}


def test_clusters_do_not_meet_and_leave_nothing(cluster: Cluster, tmp_path: Path) -> None:
    with Cluster(tmp_path) as other:
        job = other.submit("setsid sleep 600 & sleep 600")
        other.wait_until(lambda: other.job(job).state == "RUNNING", 20)
        others = {pid for node in NODES for pid in other.processes(node)}
        assert job not in {one.id for one in cluster.jobs() if not one.ended}
    assert others and not any(Path(f"/proc/{pid}").exists() for pid in others)


def test_waiting_in_vain_shows_the_cluster(cluster: Cluster) -> None:
    with pytest.raises(ClusterError, match=r"(?s)JOBID.*NODELIST.*slurmctld\.log"):
        cluster.wait_until(lambda: False, 0.1)


def test_job_dies_with_its_node(cluster: Cluster, late_and_lost: tuple[str, str]) -> None:
    lost = late_and_lost[1]
    cluster.wait_until(lambda: cluster.job(lost).state in {"PENDING", "NODE_FAIL"}, 60)
    assert cluster.nodes()["n2"] == "down*"


def test_node_comes_back_and_gets_its_job_again(cluster: Cluster, late_and_lost: tuple[str, str]) -> None:
    lost = late_and_lost[1]
    cluster.revive_node("n2")
    cluster.wait_until(lambda: cluster.job(lost).state == "RUNNING", 30)
    cluster.cancel(lost)
    cluster.wait_until(lambda: cluster.nodes()["n2"] == "idle", 30)


def test_job_beyond_its_time_is_told_and_then_killed(cluster: Cluster, late_and_lost: tuple[str, str]) -> None:
    late = late_and_lost[0]
    cluster.wait_until(lambda: cluster.job(late).state == "TIMEOUT", 130)
    _, told, after = cluster.output(late).partition("told to stop")
    assert told and "at work" in after
