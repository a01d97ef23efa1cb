import webbrowser

import pytest

from orbitile.base.errors import OrbitileError
from orbitile.base.files import write_text
from orbitile.jobs.call import RunCall, keep_call
from orbitile.jobs.show import open_results


@pytest.fixture
def visited(monkeypatch):
    """The pages that were opened, on a machine with a screen."""
    pages = []
    monkeypatch.setattr(webbrowser, "open", pages.append)
    monkeypatch.setenv("DISPLAY", ":0")
    return pages


def test_a_report_is_opened_and_its_path_printed(run_folder, visited, capsys):
    run_folder.plan(dict(g="ab"))
    write_text(run_folder.path / "report/index.html", "<html>")
    write_text(run_folder.path / "catalogue/craters.json", "{}")
    open_results(run_folder.path)
    report = (run_folder.path / "report/index.html").resolve()
    assert visited == [report.as_uri()]
    assert capsys.readouterr().out.split() == [str(report), str((run_folder.path / "catalogue").resolve())]


def test_without_a_screen_nothing_is_opened(run_folder, visited, monkeypatch, capsys):
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    run_folder.plan(dict(g="ab"))
    write_text(run_folder.path / "report/index.html", "<html>")
    open_results(run_folder.path)
    assert not visited and "report/index.html" in capsys.readouterr().out


def test_without_a_report_the_command_that_writes_it_is_said(run_folder, visited):
    run_folder.plan(dict(g="ab"))
    keep_call(run_folder.path, RunCall(["snakemake"], ["--configfile", "my.yaml"], "."))
    with pytest.raises(OrbitileError, match=r"is not there yet; write it: snakemake --configfile my\.yaml"):
        open_results(run_folder.path)
    assert not visited


def test_no_run(tmp_path, visited):
    with pytest.raises(OrbitileError, match="is not the folder of a run"):
        open_results(tmp_path)
