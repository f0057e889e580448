from __future__ import annotations

from zoneguard.sensor.config import Folder
from zoneguard.sensor.folders import MOST_TRIES, Folders

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


def test_a_file_that_cannot_be_opened_is_given_again_after_a_while_and_not_for_ever(tmp_path):
    folder = Folder(path=tmp_path, sensor="S1", glob="*.pcap", settle=0)
    (tmp_path / "a.pcap").write_bytes(bytes(24))
    folders, tried = Folders(), []
    for second in range(600):
        for file in folders.look(folder, lambda file: False, mono=second * SECOND)[0]:
            tried.append(second)
            if not folders.will_try_again(file, mono=second * SECOND):
                folders.note(file)
        assert folders.are_read((folder,)) is (len(tried) == MOST_TRIES)
    assert tried == [0, 2, 8, 26, 80]
