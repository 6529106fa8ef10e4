"""New names cannot pass for another's by letters that only look alike."""

import pytest

from token_service.domain.accounts import NameKind, normalised, sign_in_name

CYRILLIC_A = "\u0430"
GREEK_O = "\u03bf"
ARMENIAN_O = "\u0585"
NKO_ZERO = "\u07c0"

DECEPTIVE = [
    f"{CYRILLIC_A}dmin",
    f"{CYRILLIC_A.upper()}DMIN",
    f"p{CYRILLIC_A}ypal",
    f"r{GREEK_O}{GREEK_O}t",
    f"b{ARMENIAN_O}b",
    f"{CYRILLIC_A}{GREEK_O}",
    f"ann{NKO_ZERO}",
    "ann\u3164",
    "ann\ufe0f",
    "an\u034fn",
    "ann\U000e0101",
    "\u13aann",
    f"アdm{CYRILLIC_A}",
    "한カ",
]
HONEST = [
    "ann",
    "josé",
    "\u0131\u015f\u0131k",
    "иван.петров-2",
    "αλέξανδρος",
    "անի",
    "علي٥",
    "علي۵",
    "דוד",
    "अनिल१",
    "สมชาย",
    "アン",
    "ゲームboy",
    "山田タロウ",
    "佐々木abc",
    "スーパー太郎",
    "김철수kim",
    "o\u02bbahu",
    "z͡s",
    "ann😀",
    "2001",
    "\u0661\u0662",
]


@pytest.mark.parametrize("name", DECEPTIVE)
def test_a_new_name_that_could_pass_for_another_is_none(name):
    assert sign_in_name(NameKind.USERNAME, name) is None
    assert sign_in_name(NameKind.EMAIL, f"{name}@example.test") is None
    assert normalised(name) is not None


@pytest.mark.parametrize("name", HONEST)
def test_every_script_has_its_names(name):
    assert sign_in_name(NameKind.USERNAME, name) is not None
    assert sign_in_name(NameKind.EMAIL, f"{name}@example.test") is not None


@pytest.mark.parametrize("mailbox", ["ann@пример.рф", "ann@münchen.example", "иван@example.test"])
def test_a_mailbox_may_be_in_another_script_than_its_domain(mailbox):
    assert sign_in_name(NameKind.EMAIL, mailbox) is not None
