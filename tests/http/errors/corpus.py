"""Bodies that no honest client sends, by what is wrong with them."""

import json
from collections.abc import Mapping
from urllib.parse import urlencode

BIG = 300_000
"""Bytes: more than a request may have."""

ODD_TEXTS = {
    "right to left": "\u202egpj.exe",
    "four bytes": "\U0001f600" * 20,
    "combining flood": "a" + "\u0301" * 2_000,
    "zero width": "\u200b\ufeff",
    "not a character": "\uffff",
    "line breaks": "a\r\nSet-Cookie: a=b",
    "SQL": "' OR 1=1; --",
    "template": "{{7*7}}${7*7}%(x)s",
    "path": "../../etc/passwd",
    "number beyond 64 bits": str(2**64),
    "negative": "-1",
    "long": "x" * 8_000,
    "spaces": "   ",
}
"""Texts that are well-formed, whatever a database may think of them."""

WRONG_TYPES = (0, -1, 1.5, 2**63, 2**64, True, [], {}, ["x"], [None], {"x": 1})
"""What stands where a text belongs."""


def json_bodies(members: Mapping[str, object]) -> dict[str, bytes]:
    """Bodies that are not one well-formed JSON object, made from one that is."""
    good = json.dumps(members)
    name, value = next(iter(members.items()))
    more = good[:-1]
    texts = {
        "nothing": "",
        "half": good[: len(good) // 2],
        "an array": f"[{good}]",
        "a string": json.dumps(good),
        "a number": "1",
        "null": "null",
        "two objects": good + good,
        "garbage after it": good + "x",
        "single quotes": good.replace('"', "'"),
        "trailing comma": more + ",}",
        "comment": good + "/* */",
        "NaN": more + ',"extra":NaN}',
        "Infinity": more + ',"extra":Infinity}',
        "minus Infinity": more + ',"extra":-Infinity}',
        "beyond a float": more + ',"extra":1e999}',
        "a name twice": more + f',"{name}":{json.dumps(value)}}}',
        "a name twice in another spelling": more + f',"\\u{ord(name[0]):04x}{name[1:]}":"x"}}',
        "a name twice further in": more + ',"extra":{"a":1,"a":2}}',
        "deep": more + ',"extra":' + "[" * 33 + "]" * 33 + "}",
        "bottomless": "[" * 60_000,
        "many digits": more + ',"extra":1' + "0" * 1_001 + "}",
        "very many digits": more + ',"extra":1' + "0" * 60_000 + "}",
        "line break in a text": more + ',"extra":"\n"}',
        "NUL in a text": more + ',"extra":"\0"}',
        "NUL between": good + "\0",
        "lone surrogate": more + ',"extra":"\\ud800"}',
        "lone surrogate in a name": more + ',"\\udfff":"x"}',
        "surrogates the wrong way round": more + ',"extra":"\\udc00\\ud800"}',
        "byte order mark": "\ufeff" + good,
        "unknown field": more + ',"extra":"x"}',
        "very long name": more + f',"{"x" * 60_000}":"x"}}',
    }
    bodies = {name: text.encode() for name, text in texts.items()}
    return bodies | {
        "UTF-16": good.encode("utf-16"),
        "UTF-32": good.encode("utf-32"),
        "not UTF-8": good.encode().replace(b'":', b'\xff":', 1),
        "overlong UTF-8": (more + ',"extra":"').encode() + b'\xc0\xaf"}',
        "surrogate in UTF-8": (more + ',"extra":"').encode() + b'\xed\xa0\x80"}',
    }


def json_values(members: Mapping[str, object]) -> dict[str, bytes]:
    """One field of a good object at a time with what cannot be its value."""
    wrong = {
        f"{name} = {json.dumps(value)}": {**members, name: value}
        for name in members
        for value in WRONG_TYPES
    }
    wrong |= {f"{name} with NUL": {**members, name: "a\0b"} for name in members}
    limited = members.keys() - {"token"}
    wrong |= {f"{name} too long": {**members, name: "x" * 9_000} for name in limited}
    return {what: json.dumps(one).encode() for what, one in wrong.items()}


def form_bodies(parameters: Mapping[str, str]) -> dict[str, bytes]:
    """Bodies that are not one well-formed form, made from one that is."""
    good = urlencode(parameters).encode()
    repeated = {
        f"{name} twice": good + b"&" + urlencode({name: value}).encode()
        for name, value in parameters.items()
    }
    return repeated | {
        "an unknown one twice": good + b"&a=1&a=1",
        "an empty one twice": good + b"&scope=&scope=",
        "NUL": good + b"&a=%00",
        "NUL as it is": good + b"&a=\0",
        "NUL in a name": good + b"&%00=a",
        "not UTF-8": good + b"&a=%ff",
        "not UTF-8 as it is": good + b"&a=\xff",
        "overlong UTF-8": good + b"&a=%c0%af",
        "surrogate in UTF-8": good + b"&a=%ed%a0%80",
        "a long value": good + b"&a=" + b"x" * 9_000,
        "too many": good + b"".join(b"&a%d=1" % number for number in range(1_001)),
    }
