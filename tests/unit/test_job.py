import logging

import pytest

from orbitile.errors import OrbitileError
from orbitile.job import logged


@pytest.fixture(autouse=True)
def _as_before():
    yield
    log = logging.getLogger("orbitile")
    for handler in log.handlers:
        handler.close()
    log.handlers = []
    logging.captureWarnings(False)


def test_the_log_goes_to_file_and_terminal(tmp_path, capfd):
    with logged(str(tmp_path / "log")):
        logging.getLogger("orbitile.stages").info("3 tiles")
        logging.getLogger("elsewhere").info("noise")
    assert (tmp_path / "log").read_text().endswith("INFO orbitile.stages: 3 tiles\n")
    assert capfd.readouterr().err == "3 tiles\n"


def test_a_fault_of_the_user_is_one_line(tmp_path, capfd):
    with pytest.raises(SystemExit) as end, logged(str(tmp_path / "log")):
        raise OrbitileError("scenes: none")
    assert end.value.code == 1
    assert capfd.readouterr().err == "scenes: none\n"
    assert (tmp_path / "log").read_text().count("\n") == 1


def test_a_fault_of_ours_comes_with_its_trace(tmp_path):
    with pytest.raises(SystemExit) as end, logged(str(tmp_path / "log")):
        raise ZeroDivisionError("made up")
    assert end.value.code == 1
    text = (tmp_path / "log").read_text()
    assert "please report it with this log" in text
    assert "ZeroDivisionError: made up" in text


def test_an_interruption_is_not_swallowed(tmp_path):
    with pytest.raises(KeyboardInterrupt), logged(str(tmp_path / "log")):
        raise KeyboardInterrupt


def test_a_second_job_starts_a_new_log(tmp_path):
    for word in ("first", "second"):
        with logged(str(tmp_path / "log")):
            logging.getLogger("orbitile").info(word)
    assert (tmp_path / "log").read_text().endswith("second\n")
    assert "first" not in (tmp_path / "log").read_text()
