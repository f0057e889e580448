from __future__ import annotations

import os
import stat
import threading

import pytest

from zoneguard.cli.output import refuse_unwritable, text_output, whole_file
from zoneguard.errors import MachineLacksError


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "report.txt"
    with text_output(path) as file:
        file.write("all of it")
        assert not path.exists()
    assert path.read_text("utf-8") == "all of it"
    with pytest.raises(TypeError), text_output(path) as file:
        file.writelines(["half", None])
    assert path.read_text("utf-8") == "all of it"
    assert [one.name for one in tmp_path.iterdir()] == ["report.txt"]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text("utf-8")))
    reader.start()
    refuse_unwritable(pipe)
    with text_output(pipe) as file:
        file.write("through the pipe")
    reader.join(10)
    assert heard == ["through the pipe"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_refused_before_the_work(tmp_path):
    with pytest.raises(MachineLacksError):
        refuse_unwritable(tmp_path)
    with pytest.raises(MachineLacksError), whole_file(tmp_path / "absent" / "report.txt"):
        pass
