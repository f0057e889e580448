"""Where results go."""

from __future__ import annotations

import os
import stat
import threading

from zoneguard.cli.output import refuse_unwritable, text_output


def test_a_pipe_is_written_to_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text("utf-8")))
    reader.start()
    refuse_unwritable(pipe)
    with text_output(pipe) as file:
        file.write("報告")
    reader.join(timeout=10)
    assert read == ["報告"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [one.name for one in tmp_path.iterdir()] == ["pipe"]
