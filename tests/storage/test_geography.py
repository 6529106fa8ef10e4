"""Where addresses are: by a file that may be missing, broken, or replaced at any time."""

import errno
import logging
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import maxminddb
import pytest
from freezegun import freeze_time

from tests.world.addresses import LONDON, PLACES, TOKYO, ZURICH, place, write_addresses
from token_service.domain.locations import NOWHERE, Location
from token_service.storage.geography import LOOK_SECONDS, Geography

IN_LONDON = Location("London", "United Kingdom", 51.5142, -0.0931)
MOVED = PLACES | {"81.2.69.0/24": place("Leeds", "United Kingdom", "GB", 53.8, -1.55)}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "addresses.mmdb"
    write_addresses(path)
    return path


@pytest.fixture
def time():
    with freeze_time("2026-03-01") as frozen:
        yield frozen


def warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("address", "city"),
    [
        (LONDON, "London"),
        (f"::ffff:{LONDON}", "London"),
        (ZURICH, "Zürich"),
        (TOKYO, "Tokyo"),
        ("8.8.8.8", None),
        ("2a00::1", None),
    ],
)
def test_an_address_has_the_place_of_its_network(path, address, city):
    assert Geography(path).location(address).city == city


def test_names_are_the_english_ones(path):
    assert Geography(path).location(LONDON) == IN_LONDON


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.1.1",
        "169.254.1.1",
        "100.64.0.1",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:10.0.0.1",
        "",
        "unix:",
        "81.2.69",
        "81.2.69.160:443",
        "\0",
        "ö",
        "9" * 400,
    ],
)
def test_what_is_no_address_of_the_internet_is_nowhere(tmp_path, address):
    """Even if the file knows better."""
    path = tmp_path / "addresses.mmdb"
    write_addresses(path, {"0.0.0.0/0": PLACES["81.2.69.0/24"]})
    assert Geography(path).location(LONDON) == IN_LONDON
    assert Geography(path).location(address) == NOWHERE


def test_a_file_of_ipv4_addresses_knows_no_others(tmp_path, caplog):
    path = tmp_path / "addresses.mmdb"
    write_addresses(path, {"81.2.69.0/24": PLACES["81.2.69.0/24"]}, ip_version=4)
    geography = Geography(path)
    assert (geography.location(LONDON), geography.location(TOKYO)) == (IN_LONDON, NOWHERE)
    assert warnings(caplog) == []


def test_without_a_file_in_the_settings_nothing_is_said(caplog):
    assert Geography(None).location(LONDON) == NOWHERE
    assert warnings(caplog) == []


def test_the_file_is_opened_when_it_is_first_asked_and_only_then(path, monkeypatch):
    opened = []
    real = maxminddb.open_database

    def opening(*arguments):
        opened.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(maxminddb, "open_database", opening)
    geography = Geography(path)
    geography.location("127.0.0.1")
    assert opened == []
    for address in (LONDON, ZURICH, TOKYO):
        geography.location(address)
    assert opened == [(path, maxminddb.MODE_MMAP)]


# A file that is missing or broken.


def fail_for_want_of_descriptors(*_):
    raise OSError(errno.EMFILE, "Too many open files")


def fifo(path):
    os.mkfifo(path)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: None,
        lambda path: path.mkdir(),
        fifo,
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no database of addresses"),
        lambda path: path.write_bytes(b"\xab\xcd\xefMaxMind.com\xe1"),
        lambda path: path.symlink_to(path),
    ],
    ids=["missing", "folder", "pipe", "empty", "text", "stub", "loop"],
)
def test_a_file_that_cannot_be_read_means_no_locations_and_one_warning(
    tmp_path, make, time, caplog
):
    path = tmp_path / "addresses.mmdb"
    make(path)
    geography = Geography(path)
    for _ in range(5):
        assert geography.location(LONDON) == geography.location(TOKYO) == NOWHERE
        time.tick(LOOK_SECONDS)
    (warning,) = warnings(caplog)
    assert str(path) in warning


def test_damage_in_the_middle_of_a_file_means_no_locations_and_one_warning(path, caplog):
    written = bytearray(path.read_bytes())
    begin = written.index(b"London") - 1
    written[begin : begin + 7] = b"\x5f\xff\xff\xff\xff\xff\xff"
    path.write_bytes(written)
    geography = Geography(path)
    for _ in range(5):
        assert geography.location(LONDON) == NOWHERE
    assert len(warnings(caplog)) == 1
    assert geography.location(TOKYO).city == "Tokyo"


def test_a_damaged_file_stops_nobody(path, caplog):
    """Whatever byte is wrong: the answer is a location or none, never an error."""
    whole = path.read_bytes()
    for position in range(0, len(whole), 7):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x5A]) + whole[position + 1 :])
        found = Geography(path).location(LONDON)
        assert isinstance(found, Location)
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert isinstance(Geography(path).location(LONDON), Location)


# A file that is replaced.


def test_a_file_that_was_replaced_is_used_within_a_minute(path, time):
    geography = Geography(path)
    assert geography.location(LONDON).city == "London"
    write_addresses(path, MOVED)
    time.tick(LOOK_SECONDS - 1)
    assert geography.location(LONDON).city == "London"
    time.tick(1)
    assert geography.location(LONDON).city == "Leeds"


def test_a_file_that_stays_is_looked_at_once_a_minute_and_not_opened_again(path, time, monkeypatch):
    geography = Geography(path)
    geography.location(LONDON)
    looks = []
    real = type(path).stat

    def looking(self, **options):
        looks.append(self)
        return real(self, **options)

    monkeypatch.setattr(type(path), "stat", looking)
    monkeypatch.setattr(maxminddb, "open_database", lambda *_: pytest.fail("it was opened again"))
    for _ in range(10):
        time.tick(LOOK_SECONDS / 2)
        assert geography.location(LONDON) == IN_LONDON
    assert looks == [path] * 5


def test_a_file_that_comes_later_is_found(tmp_path, time, caplog):
    path = tmp_path / "addresses.mmdb"
    geography = Geography(path)
    assert geography.location(LONDON) == NOWHERE
    write_addresses(path)
    assert geography.location(LONDON) == NOWHERE
    time.tick(LOOK_SECONDS)
    assert geography.location(LONDON) == IN_LONDON
    assert len(warnings(caplog)) == 1


def test_a_file_that_could_not_be_opened_for_a_while_is_tried_again(
    path, time, monkeypatch, caplog
):
    geography = Geography(path)
    with monkeypatch.context() as patch:
        patch.setattr(maxminddb, "open_database", fail_for_want_of_descriptors)
        for _ in range(3):
            assert geography.location(LONDON) == NOWHERE
            time.tick(LOOK_SECONDS)
    assert geography.location(LONDON) == IN_LONDON
    assert len(warnings(caplog)) == 1


def test_a_file_that_goes_or_breaks_is_told_of_once_each_time(path, time, caplog):
    geography = Geography(path)
    assert geography.location(LONDON) == IN_LONDON
    path.unlink()
    for _ in range(3):
        time.tick(LOOK_SECONDS)
        assert geography.location(LONDON) == NOWHERE
    path.write_bytes(b"broken")
    for _ in range(3):
        time.tick(LOOK_SECONDS)
        assert geography.location(LONDON) == NOWHERE
    assert len(warnings(caplog)) == 2
    write_addresses(path)
    time.tick(LOOK_SECONDS)
    assert geography.location(LONDON) == IN_LONDON


def test_threads_may_ask_while_the_file_is_replaced(path):
    geography = Geography(path)
    done = threading.Event()

    def ask():
        found = set()
        while not done.is_set():
            found.add(geography.location(LONDON).city)
        return found

    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(ask) for _ in range(4)]
        try:
            for turn in range(30):
                write_addresses(path, MOVED if turn % 2 else PLACES)
                geography._look_at = 0.0
                geography.location(LONDON)
        finally:
            done.set()
        assert set().union(*(one.result() for one in asked)) <= {"London", "Leeds"}
