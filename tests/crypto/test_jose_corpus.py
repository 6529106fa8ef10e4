"""What attackers send in place of an access token. Each test names the attack; none may raise."""

import base64
import hmac
import json
import zlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.crypto.building import (
    NOW,
    P256_ORDER,
    SIGNING,
    forged,
    header_of,
    raw_signature,
    signing_key,
    standing_keyring,
)
from token_service.crypto import opaque
from token_service.crypto.jwt import UnknownKey, sign, verify

CLAIMS = {"sub": "u1", "exp": 2_000_000_000}


def verified(token):
    return verify(standing_keyring(), token, typ="at+jwt", now=NOW)


def genuine(algorithm="ES256"):
    return sign(signing_key(algorithm), CLAIMS, "at+jwt")


def segment(content):
    return opaque.encode(content if isinstance(content, bytes) else json.dumps(content).encode())


def with_signature(header, signature, payload=CLAIMS):
    encoded = signature if isinstance(signature, str) else opaque.encode(signature)
    return f"{segment(header)}.{segment(payload)}.{encoded}"


def mac(header, secret, digest="sha256"):
    signed = f"{segment(header)}.{segment(CLAIMS)}"
    return with_signature(header, hmac.digest(secret, signed.encode(), digest))


def test_the_corpus_would_notice_a_genuine_token():
    for algorithm in SIGNING:
        key = signing_key(algorithm)
        assert verified(genuine(algorithm)) is not None
        assert verified(forged(key, header_of(key), CLAIMS)) is not None


class TestNoSignature:
    @pytest.mark.parametrize("alg", ["none", "None", "nOnE", "NONE", "", " none", "none\0", None])
    @pytest.mark.parametrize("signature", ["", "AA", "AAAA"])
    def test_alg_none(self, alg, signature):
        assert verified(with_signature(header_of(signing_key(), alg=alg), signature)) is None

    @pytest.mark.parametrize("alg", ["none", "None", ""])
    def test_alg_none_with_a_real_signature(self, alg):
        key = signing_key()
        assert verified(forged(key, header_of(key, alg=alg), CLAIMS)) is None

    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_an_empty_or_stripped_signature(self, algorithm):
        signed = genuine(algorithm).rpartition(".")[0]
        assert verified(signed + ".") is None
        assert verified(signed) is None
        assert verified(signed + "..") is None

    @pytest.mark.parametrize("parts", [1, 2, 4, 5, 6])
    def test_another_number_of_parts(self, parts):
        assert verified(".".join((genuine().split(".") * 2)[:parts])) is None


def public_encodings(key):
    """The public key in every form that somebody might have used as an HMAC secret."""
    public = key.private_key.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    jwk = standing_keyring().verifying_key(key.kid, NOW).jwk
    forms = [
        pem,
        pem.strip(),
        pem.replace(b"\n", b"\r\n"),
        b" \n" + pem,
        b"\xef\xbb\xbf" + pem,
        b"# our key\n" + pem,
        pem + b"\0",
        base64.b64encode(pem),
        public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        json.dumps(dict(jwk)).encode(),
        json.dumps(dict(jwk), separators=(",", ":")).encode(),
        jwk.get("n", jwk.get("x", "")).encode(),
        opaque.decode(jwk.get("n", jwk.get("x", ""))) or b"",
        key.kid.encode(),
    ]
    if isinstance(public, rsa.RSAPublicKey):
        forms.append(public.public_bytes(Encoding.PEM, PublicFormat.PKCS1))
        forms.append(public.public_bytes(Encoding.DER, PublicFormat.PKCS1))
    elif isinstance(public, ec.EllipticCurvePublicKey):
        forms.append(public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        forms.append(public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint))
    else:
        forms.append(public.public_bytes(Encoding.Raw, PublicFormat.Raw))
    return forms


class TestAlgorithmConfusion:
    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_hmac_with_the_public_key(self, algorithm):
        key = signing_key(algorithm)
        secrets = public_encodings(key)
        assert len(set(secrets)) >= 12
        for secret in secrets:
            for alg, digest in (("HS256", "sha256"), ("HS384", "sha384"), ("HS512", "sha512")):
                assert verified(mac(header_of(key, alg=alg), secret, digest)) is None
                assert verified(mac(header_of(key), secret, digest)) is None

    @pytest.mark.parametrize("secret", [b"", b"\0", b"secret", b"null", bytes(32)])
    @pytest.mark.parametrize("kid", [None, "", "opaque-1", "known"])
    def test_hmac_with_an_empty_or_short_secret(self, secret, kid):
        key = signing_key()
        header = header_of(key, alg="HS256", kid=key.kid if kid == "known" else kid)
        assert verified(mac(header, secret)) is None

    @pytest.mark.parametrize("algorithm", SIGNING)
    @pytest.mark.parametrize(
        "alg",
        [
            *("HS256", "RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES256K", "EdDSA"),
            *("Ed25519", "es256", "RSA1_5", "dir", "HKDF-SHA256"),
            *(["ES256"], 1, True, {}),
        ],
    )
    def test_the_header_names_another_algorithm_than_our_key_has(self, algorithm, alg):
        key = signing_key(algorithm)
        token = forged(key, header_of(key, alg=alg), CLAIMS)
        assert (verified(token) is not None) == (alg == algorithm)

    def test_rsa_pss_with_an_rs256_key(self):
        key = signing_key("RS256")
        assert isinstance(key.private_key, rsa.RSAPrivateKey)
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        for alg in ("RS256", "PS256"):
            header = header_of(key, alg=alg)
            signed = f"{segment(header)}.{segment(CLAIMS)}".encode()
            signature = key.private_key.sign(signed, pss, hashes.SHA256())
            assert verified(with_signature(header, signature)) is None

    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_a_token_of_one_key_under_the_name_of_another(self, algorithm):
        for other in SIGNING:
            if other != algorithm:
                key, name = signing_key(algorithm), signing_key(other)
                assert verified(forged(key, header_of(name), CLAIMS)) is None
                assert verified(forged(key, header_of(key, kid=name.kid), CLAIMS)) is None


class TestSignatures:
    @property
    def header(self):
        return header_of(signing_key("ES256"))

    def _parts(self):
        signed, _, signature = genuine("ES256").rpartition(".")
        raw = opaque.decode(signature)
        assert raw is not None
        return signed, raw[:32], raw[32:]

    @pytest.mark.parametrize("r", [0, 1, P256_ORDER - 1, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
    @pytest.mark.parametrize("s", [0, 1, P256_ORDER - 1, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
    def test_psychic_signatures(self, r, s):
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        assert verified(with_signature(self.header, signature)) is None

    def test_one_right_half_and_one_of_zeros(self):
        signed, r, s = self._parts()
        for signature in (r + bytes(32), bytes(32) + s, s + r):
            assert verified(f"{signed}.{opaque.encode(signature)}") is None

    def test_der_in_place_of_r_and_s(self):
        key = signing_key("ES256")
        signed = f"{segment(self.header)}.{segment(CLAIMS)}".encode()
        assert isinstance(key.private_key, ec.EllipticCurvePrivateKey)
        der = key.private_key.sign(signed, ec.ECDSA(hashes.SHA256()))
        assert verified(with_signature(self.header, der)) is None

    def test_the_second_signature_that_anybody_can_make_of_the_first(self):
        signed, r, s = self._parts()
        twin = (P256_ORDER - int.from_bytes(s, "big")).to_bytes(32, "big")
        assert verified(f"{signed}.{opaque.encode(r + s)}") is not None
        assert verified(f"{signed}.{opaque.encode(r + twin)}") is None

    def test_r_or_s_plus_the_order_of_the_curve(self):
        signed, r, s = self._parts()
        for changed_r, changed_s in ((P256_ORDER, 0), (0, P256_ORDER)):
            r_number = int.from_bytes(r, "big") + changed_r
            s_number = int.from_bytes(s, "big") + changed_s
            for length in (32, 33):
                try:
                    parts = [number.to_bytes(length, "big") for number in (r_number, s_number)]
                except OverflowError:
                    continue
                assert verified(f"{signed}.{opaque.encode(b''.join(parts))}") is None

    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_every_other_length(self, algorithm):
        signed, _, signature = genuine(algorithm).rpartition(".")
        raw = opaque.decode(signature)
        assert raw is not None
        for changed in [raw[:length] for length in range(len(raw))] + [raw + b"\0", b"\0" + raw]:
            assert verified(f"{signed}.{opaque.encode(changed)}") is None

    @pytest.mark.parametrize("length", range(1, 130))
    def test_ones_of_every_length(self, length):
        assert verified(with_signature(self.header, b"\xff" * length)) is None

    def test_another_curve(self):
        for curve in (ec.SECP384R1(), ec.SECP256K1(), ec.SECP521R1()):
            stranger = ec.generate_private_key(curve)
            signed = f"{segment(self.header)}.{segment(CLAIMS)}".encode()
            assert verified(with_signature(self.header, raw_wide(stranger, signed))) is None

    def test_another_key_of_the_same_kind(self):
        stranger = ec.generate_private_key(ec.SECP256R1())
        signed = f"{segment(self.header)}.{segment(CLAIMS)}".encode()
        assert verified(with_signature(self.header, raw_signature(stranger, signed))) is None

    def test_an_ed25519_signature_with_s_plus_the_order_of_the_group(self):
        order = 2**252 + 27742317777372353535851937790883648493
        signed, _, signature = genuine("EdDSA").rpartition(".")
        raw = opaque.decode(signature)
        assert raw is not None
        moved = (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
        assert verified(f"{signed}.{opaque.encode(raw[:32] + moved)}") is None

    def test_an_ed25519_signature_of_zeros_or_of_the_identity(self):
        header = header_of(signing_key("EdDSA"))
        for signature in (bytes(64), b"\1" + bytes(63), b"\xff" * 64):
            assert verified(with_signature(header, signature)) is None

    def test_an_rsa_signature_of_special_numbers(self):
        key = signing_key("RS256")
        assert isinstance(key.private_key, rsa.RSAPrivateKey)
        modulus = key.private_key.public_key().public_numbers().n
        signed, _, signature = genuine("RS256").rpartition(".")
        raw = opaque.decode(signature)
        assert raw is not None
        numbers = [0, 1, modulus - 1, modulus, int.from_bytes(raw, "big") + modulus]
        for number in numbers:
            for length in (384, 385):
                if number < 256**length:
                    changed = opaque.encode(number.to_bytes(length, "big"))
                    assert verified(f"{signed}.{changed}") is None

    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_another_payload_under_the_same_signature(self, algorithm):
        header, _, signature = genuine(algorithm).split(".")
        assert verified(f"{header}.{segment(CLAIMS | {'sub': 'u2'})}.{signature}") is None


def raw_wide(key, message):
    """r and s of a curve of any size."""
    der = key.sign(message, ec.ECDSA(hashes.SHA256()))
    size = (key.curve.key_size + 7) // 8
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(der))


class TestHeaders:
    @pytest.mark.parametrize(
        "member",
        [
            {"crit": ["x"]},
            {"crit": ["x"], "x": 1},
            {"crit": []},
            {"crit": ["alg"]},
            {"crit": ["exp"]},
            {"crit": ["b64"]},
            {"crit": "b64"},
            {"crit": None},
            {"b64": False, "crit": ["b64"]},
            {"b64": False},
            {"b64": True},
            {"jku": "https://evil.example/jwks"},
            {"x5u": "https://evil.example/cert"},
            {"x5c": ["AA"]},
            {"x5t": "AA"},
            {"jwk": {"kty": "oct", "k": "AA"}},
            {"zip": "DEF"},
            {"enc": "A256GCM"},
            {"cty": "JWT"},
            {"p2c": 10_000_000},
            {"nonce": "1"},
            {"": ""},
        ],
    )
    def test_a_fourth_member(self, member):
        key = signing_key()
        assert verified(forged(key, json.dumps(header_of(key) | member).encode(), CLAIMS)) is None

    def test_a_key_of_their_own(self):
        stranger = ec.generate_private_key(ec.SECP256R1())
        numbers = stranger.public_key().public_numbers()
        jwk = {
            "kty": "EC",
            "crv": "P-256",
            "x": opaque.encode(numbers.x.to_bytes(32, "big")),
            "y": opaque.encode(numbers.y.to_bytes(32, "big")),
        }
        for header in (
            header_of(signing_key(), jwk=jwk),
            header_of(signing_key(), jwk=jwk, kid=None),
        ):
            signed = f"{segment(header)}.{segment(CLAIMS)}".encode()
            assert verified(with_signature(header, raw_signature(stranger, signed))) is None

    @pytest.mark.parametrize(
        "kid",
        [
            *("../../dev/null", "/proc/self/environ", "' OR 1=1 --", "https://evil.example/"),
            *("", " ", "a\0b", "\ud800", "ключ", "x\n", "|id", "a" * 129),
            *(0, 1.5, True, [], {}, ["a"]),
        ],
    )
    def test_a_kid_that_is_no_name(self, kid):
        key = signing_key()
        assert verified(forged(key, header_of(key, kid=kid), CLAIMS)) is None

    def test_a_kid_of_a_megabyte(self):
        key = signing_key()
        assert verified(forged(key, header_of(key, kid="a" * 1_000_000), CLAIMS)) is None

    @pytest.mark.parametrize("missing", ["alg", "kid", "typ"])
    def test_a_missing_member(self, missing):
        key = signing_key()
        assert verified(forged(key, header_of(key, **{missing: None}), CLAIMS)) is None

    @pytest.mark.parametrize("member", ["alg", "kid", "typ"])
    def test_a_member_twice(self, member):
        key = signing_key()
        right = json.dumps(header_of(key))
        value = json.dumps(header_of(key)[member])
        for header in (
            right[:-1] + f',"{member}":{value}}}',
            f'{{"{member}":"x",' + right[1:],
            right[:-1] + f',"\\u{ord(member[0]):04x}{member[1:]}":{value}}}',
        ):
            assert verified(forged(key, header.encode(), CLAIMS)) is None

    @pytest.mark.parametrize("typ", ["JWT", "AT+JWT", "at+jwt ", "", "logout+jwt", 1, ["at+jwt"]])
    def test_another_type(self, typ):
        key = signing_key()
        assert verified(forged(key, header_of(key, typ=typ), CLAIMS)) is None

    @pytest.mark.parametrize(
        "header",
        [b"", b"null", b"[]", b'""', b"1", b"{", b"{}", b"\xff", b"[" * 60, b'{"a":' * 40],
    )
    def test_a_header_that_is_no_plain_object(self, header):
        assert verified(forged(signing_key(), header, CLAIMS)) is None

    def test_a_header_in_another_encoding_or_with_something_around_it(self):
        key = signing_key()
        right = json.dumps(header_of(key))
        assert verified(forged(key, f" {right}\n".encode(), CLAIMS)) is not None
        for coding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-32"):
            assert verified(forged(key, right.encode(coding), CLAIMS)) is None
        for ending in (b"x", b"\0", b"{}", b","):
            assert verified(forged(key, right.encode() + ending, CLAIMS)) is None

    def test_a_long_header(self):
        key = signing_key()
        padded = json.dumps(header_of(key)).encode() + b" " * 400
        assert verified(forged(key, padded, CLAIMS)) is None


MISREAD = (
    b"",
    b"null",
    b"[]",
    b'"sub"',
    b"1",
    b"{",
    b"{}x",
    b"\xff{}",
    b"\xef\xbb\xbf{}",
    '{"a":1}'.encode("utf-16"),
    '{"a":1}'.encode("utf-32-le"),
    b'{"exp":NaN}',
    b'{"exp":Infinity}',
    b'{"exp":-Infinity}',
    b'{"exp":1e999}',
    b'{"exp":-1e999}',
    b'{"exp":01}',
    b'{"exp":0x10}',
    b'{"exp":1_000}',
    b'{"exp":' + b"9" * 20 + b"}",
    b'{"exp":' + b"9" * 400 + b"}",
    b'{"exp":' + b"9" * 5000 + b"}",
    b'{"exp":18446744073709551616}',
    b'{"exp":-9223372036854775809}',
    b'{"sub":"\\ud800"}',
    b'{"sub":"\\udc00\\ud800"}',
    b'{"sub":"\xed\xa0\x80"}',
    b'{"\\ud800":1}',
    b'{"sub":"\xc0\x80"}',
    b'{"sub":"a\nb"}',
    b'{"sub":"a","sub":"b"}',
    b'{"sub":"a","\\u0073ub":"b"}',
    b'{"act":{"sub":"a","sub":"b"}}',
    b'{"list":[{"a":1,"a":1}]}',
    b"{'sub':'a'}",
    b'{"sub":"a",}',
    b'{"sub":/* */"a"}',
    b'{"a":' * 33 + b"1" + b"}" * 33,
    b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
    b'{"a":' + b"[" * 900 + b"]" * 900 + b"}",
    b"[" * 5900,
    b'{"a":' * 1100,
)


class TestPayloads:
    def test_a_real_signature_over_what_parsers_read_differently(self):
        key = signing_key("EdDSA")
        for payload in MISREAD:
            assert verified(forged(key, header_of(key), payload)) is None, payload[:60]

    @pytest.mark.parametrize(
        "payload",
        [
            b"{}",
            b' {"a" : [1, 2.5, -0, null]} ',
            b'{"exp":18446744073709551615}',
            b'{"sub":"\\ud83d\\ude00\\u0000"}',
            b'{"a":' * 32 + b"1" + b"}" * 32,
        ],
    )
    def test_unusual_json_is_still_json(self, payload):
        key = signing_key("EdDSA")
        token = verified(forged(key, header_of(key), payload))
        assert token is not None
        assert token.claims == json.loads(payload)

    def test_a_token_within_a_token(self):
        key = signing_key()
        assert verified(forged(key, header_of(key), genuine().encode())) is None
        assert verified(forged(key, header_of(key, cty="JWT"), genuine().encode())) is None


class TestSerialisations:
    def test_json_serialisation(self):
        protected, payload, signature = genuine().split(".")
        one = {"protected": protected, "signature": signature}
        for form in ({"payload": payload, **one}, {"payload": payload, "signatures": [one]}):
            assert verified(json.dumps(form)) is None
            assert verified(segment(form)) is None

    def test_an_encrypted_token(self):
        header = {"alg": "dir", "enc": "A256GCM", "zip": "DEF", "kid": signing_key().kid}
        bomb = opaque.encode(zlib.compress(bytes(1_000_000))[2:-4])
        assert verified(f"{segment(header)}..AAAA.{bomb}.AAAA") is None
        assert verified(f"{segment(header)}.{bomb}.AAAA") is None
        pbes2 = {"alg": "PBES2-HS256+A128KW", "p2c": 10_000_000, "p2s": "AA"}
        assert verified(f"{segment(pbes2)}.AAAA.AAAA.AAAA.AAAA") is None

    def test_a_detached_payload(self):
        header, _, signature = genuine().split(".")
        assert verified(f"{header}..{signature}") is None

    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_a_second_spelling_of_any_part(self, algorithm):
        parts = genuine(algorithm).split(".")
        for index, part in enumerate(parts):
            spellings = [part + ending for ending in ("=", "==", "===", "\n", " ", "\0", "A", "é")]
            spellings += [" " + part, "\n" + part, part[:2] + "\n" + part[2:], "=" + part]
            spellings += [part.translate(str.maketrans("-_", "+/")) + "+"]
            for spelling in spellings:
                changed = ".".join([*parts[:index], spelling, *parts[index + 1 :]])
                assert verified(changed) is None, (index, spelling)

    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_unused_bits_of_the_last_character(self, algorithm):
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        token = genuine(algorithm)
        accepted = [last for last in alphabet if verified(token[:-1] + last) is not None]
        assert accepted == [token[-1]]

    def test_non_canonical_bits_are_refused_where_the_signature_covers_them(self):
        key = signing_key("EdDSA")
        payload = segment(b'{"a":12}')
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        twin = payload[:-1] + alphabet[alphabet.index(payload[-1]) + 1]
        assert len(payload) % 4
        for spelling, right in ((payload, True), (twin, False), (payload + "=", False)):
            signed = f"{segment(header_of(key))}.{spelling}"
            signature = opaque.encode(raw_signature(key.private_key, signed.encode()))
            assert (verified(f"{signed}.{signature}") is not None) == right

    def test_every_character_counts(self):
        token = genuine("EdDSA")
        for position, character in enumerate(token):
            other = "A" if character != "A" else "B"
            try:
                answer = verified(token[:position] + other + token[position + 1 :])
            except UnknownKey:
                continue
            assert answer is None, position

    @pytest.mark.parametrize("prefix", ["Bearer ", " ", "\n", "\ufeff", "\0", '"'])
    def test_something_before_or_after_it(self, prefix):
        assert verified(prefix + genuine()) is None
        assert verified(genuine() + prefix) is None


class TestSizes:
    @pytest.mark.parametrize(
        "token",
        [
            lambda: "A" * 10_000_000,
            lambda: "A" * 10_000_000 + ".A.A",
            lambda: "A." + "A" * 10_000_000 + ".A",
            lambda: "." * 1_000_000,
            lambda: "A." * 4096,
            lambda: "é" * 8192,
            lambda: "\ud800" * 9000,
        ],
    )
    def test_a_huge_token_is_refused_before_it_is_parsed(self, token, monkeypatch):
        monkeypatch.setattr("token_service.crypto.jwt.opaque.decode", None)
        assert verified(token()) is None

    def test_a_real_token_that_is_too_long(self):
        key = signing_key()
        assert verified(forged(key, header_of(key), {"a": "x" * 5000})) is not None
        assert verified(forged(key, header_of(key), {"a": "x" * 8000})) is None


@settings(deadline=None)
@given(st.text())
@example("..")
@example("a.b.c")
@example("\ud800.\ud800.\ud800")
@example("\ud800.AA.AA")
@example("é.AA.AA")
def test_no_text_raises(text):
    assert verified(text) is None


@settings(deadline=None)
@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=80))
def test_no_three_parts_raise(header, payload, signature):
    assert verified(".".join(map(opaque.encode, (header, payload, signature)))) is None


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit"]), st.text() | st.integers()))
def test_no_header_raises(members):
    key = signing_key("EdDSA")
    try:
        assert verified(forged(key, members, CLAIMS)) is None
    except UnknownKey:
        assert members.keys() == {"alg", "kid", "typ"}


def test_an_unknown_key_is_reported_only_for_a_token_that_could_be_ours():
    key = signing_key()
    with pytest.raises(UnknownKey):
        verified(forged(key, header_of(key, kid="newer"), CLAIMS))
    for changes in ({"alg": "none"}, {"alg": "HS256"}, {"typ": "JWT"}, {"crit": ["x"]}):
        assert verified(forged(key, header_of(key, kid="newer", **changes), CLAIMS)) is None
