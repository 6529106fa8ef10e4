"""Letters as files, and letters that go nowhere."""

import logging
import stat

import pytest

from tests.mail.building import LINK, SENDER, letter, parsed
from token_service.domain.letters import NotDelivered
from token_service.mail.folder import FolderCarrier, NoCarrier


def test_a_letter_is_a_file_that_only_its_owner_reads(tmp_path):
    folder = tmp_path / "deep" / "mail"
    FolderCarrier(folder, SENDER).deliver(letter())
    [file] = folder.iterdir()
    assert file.name == f"20260301T120000-{'0' * 32}.1.eml"
    assert LINK in parsed(file.read_bytes()).get_content()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_written_is_tried_again_later(tmp_path):
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(NotDelivered):
        FolderCarrier(tmp_path / "mail", SENDER).deliver(letter())


def test_letters_that_go_nowhere_are_warned_about_once(caplog):
    carrier = NoCarrier()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            carrier.deliver(letter())
    assert len(caplog.records) == 1
    assert "mail.smtp_url" in caplog.text
