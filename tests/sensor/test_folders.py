from __future__ import annotations

from zoneguard.sensor.config import Folder
from zoneguard.sensor.folders import Folders

SECOND = 1_000_000_000


def test_files_that_are_listed_no_more_are_forgotten_and_asked_for_should_they_come_back(tmp_path):
    folder = Folder(path=tmp_path, sensor="S1", glob="*.pcap", settle=0)
    folders, asked = Folders(), []

    def look(mono):
        return folders.look(folder, lambda file: asked.append(file.path) or False, mono=mono * SECOND)[0]

    for number in range(20):
        path = tmp_path / f"{number}.pcap"
        path.write_bytes(bytes(24))
        (file,) = look(3 * number)
        folders.note(file)
        assert look(3 * number + 1) == ()
        path.unlink()
        assert look(3 * number + 2) == ()
    assert len(folders._known) == 0
    before = len(asked)
    (tmp_path / "3.pcap").write_bytes(bytes(24))
    assert len(look(100)) == 1
    assert len(asked) == before + 1
