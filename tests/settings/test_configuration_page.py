"""docs/configuration.md is made from default.toml, and default.toml tells the truth."""

import re
import runpy

import pytest

from tests.settings.building import CONFIG, ROOT, load_with
from token_service.settings import SettingsError, describe, variable_of

GENERATOR = runpy.run_path(str(ROOT / "docs" / "generate_configuration.py"))
DEFAULTS = (CONFIG / "default.toml").read_text()
COMMENTS = {
    entry.key: entry.comment
    for entry in GENERATOR["entries"](DEFAULTS)
    if isinstance(entry, GENERATOR["Setting"])
}


def test_the_page_about_the_configuration_is_up_to_date():
    page = (ROOT / "docs" / "configuration.md").read_text()
    assert page == GENERATOR["render"](DEFAULTS), "run: python docs/generate_configuration.py"


def test_each_setting_has_a_comment_and_a_variable_of_its_own():
    described = [key for key, _, _ in describe(load_with({})) if key != "environment"]
    assert sorted(described) == sorted(COMMENTS)
    assert len({variable_of(key) for key in COMMENTS}) == len(COMMENTS)


@pytest.mark.parametrize("text", ["a = 1\n", "# a\n\na = 1\n"])
def test_a_setting_without_a_comment_is_no_document(text):
    with pytest.raises(ValueError, match="a has no comment"):
        GENERATOR["render"](text)


def test_a_value_over_several_lines_is_no_document():
    with pytest.raises(ValueError, match="neither a section nor a key on one line"):
        GENERATOR["render"]("# a\na = [\n]\n")


@pytest.mark.parametrize("key", sorted(COMMENTS))
def test_a_comment_says_which_values_are_allowed(key):
    with pytest.raises(SettingsError) as refused:
        load_with({variable_of(key): "\0"})
    allowed = str(refused.value).partition("must be ")[2]
    comment = " ".join(COMMENTS[key].split())
    if bounds := re.search(r"number from (\d+) to (\d+)", allowed):
        assert f"{bounds[1]} to {bounds[2]}" in comment
    if word := re.match(r'"(\w+)" or', allowed):
        assert f'"{word[1]}"' in comment
    if choices := re.match(r"one or? ?(?:more )?of (.+)", allowed):
        for choice in choices[1].split(", "):
            assert choice in comment
