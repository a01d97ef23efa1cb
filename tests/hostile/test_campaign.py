"""The campaign notices the faults that are planted."""

from collections import Counter

from hostile import campaign, planted
from hostile.campaign import Input, outcomes, report
from hostile.watch import forbidden_calls


def test_planted_faults_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(campaign, "TIME_LIMIT_S", 2)
    monkeypatch.setattr(campaign, "START_LIMIT_S", 20)
    cases = [Input("planted", number, "d") for number in range(24)]
    expected = Counter(case.random.choice(planted.FAULTS) for case in cases)
    assert set(expected) == set(planted.FAULTS)
    expected["accepted"] += expected.pop("outside")  # seen by strace alone
    results = list(outcomes(cases, 2, tmp_path))
    assert Counter(outcome.ending for outcome in results) == expected
    assert sorted(outcome.input.number for outcome in results) == list(range(24))
    assert f"{len(cases):8}" in report(results, 1.0)


def test_calls_are_sorted_by_their_input():
    calls = """\
openat(AT_FDCWD, "/usr/lib/python3/os.py", O_RDONLY|O_CLOEXEC) = 3
openat(AT_FDCWD, "/mark-of-input/tables-3-x", O_RDONLY|O_CLOEXEC) = -1 ENOENT (No such file or directory)
openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = 7
openat(AT_FDCWD, "/srv/nothing", O_RDONLY) = -1 ENOENT (No such file or directory)
connect(5, {sa_family=AF_UNIX, sun_path="/run/nscd"}, 110) = 0
connect(5, {sa_family=AF_INET, sin_port=htons(80)}, 16) = -1 EINPROGRESS
"""
    passwd, connection = forbidden_calls(calls)
    assert passwd.startswith("FORBIDDEN tables-3-x: openat") and "/etc/passwd" in passwd
    assert "AF_INET" in connection
