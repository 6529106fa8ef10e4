"""Names that could pass for another: letters of several scripts, or characters that nobody sees.

Unicode Technical Standard 39, section 5.2, level "highly restrictive": one script, or Latin beside
the scripts of Chinese, Japanese or Korean, where people do mix them. The "a" of the Cyrillic script
looks like the Latin one, so a name with both is refused where a new one is chosen.
"""

import re
import unicodedata

_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
_OTHER_NAMES = {"ARABIC-INDIC": "ARABIC", "EXTENDED": "ARABIC", "IDEOGRAPHIC": "CJK"}
_OF_ANY_SCRIPT = frozenset({"MODIFIER", "KATAKANA-HIRAGANA"})
"""Apostrophes of many languages, and the long-vowel mark that both Japanese scripts use."""

_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Fillers and selectors: letters and marks that are ignorable by default (UTS 39, section 3.1)."""


def could_pass_for_another(name: str) -> bool:
    """Whether the name, in its normalised form, can look like one of other characters."""
    if name.isascii():
        return False
    if _UNSEEN.search(name):
        return True
    scripts = {script for char in name if (script := _script(char))}
    return len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER)


def _script(char: str) -> str | None:
    """The script of a letter or digit, by its name in Unicode; None where it is of any script."""
    category = unicodedata.category(char)
    if category[0] != "L" and (category != "Nd" or char.isascii()):
        return None
    word = unicodedata.name(char, "").partition(" ")[0]
    return None if word in _OF_ANY_SCRIPT else _OTHER_NAMES.get(word, word)
