import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.crypto.building import (
    DAY,
    ENCRYPTION,
    KEK,
    NOW,
    SIGNING,
    key_row,
    keyring_of,
    standing_keyring,
    standing_row,
)
from token_service.crypto.jwk import thumbprint
from token_service.crypto.keyring import KeyEncryptionKeys, Keyring, _context, generate, rewrap
from token_service.domain.failures import KeyUnreadable, NoKey
from token_service.domain.keys import Algorithm, KeyPurpose, KeyState

MOMENT = timedelta(microseconds=1)


def revoked(row, when=NOW):
    return replace(row, revoked_at=when, revoked_reason="key_compromised")


class TestGenerate:
    @pytest.mark.parametrize("algorithm", SIGNING)
    def test_a_signing_key_is_named_by_its_thumbprint(self, algorithm):
        row = standing_row(algorithm)
        assert row.kid == thumbprint(json.loads(row.public_jwk))
        assert (row.purpose, row.algorithm) == (KeyPurpose.SIGNING, algorithm)

    def test_an_opaque_key_is_named_by_its_number_and_has_no_public_part(self):
        row = key_row(Algorithm.HKDF_SHA256, number=12)
        assert (row.kid, row.public_jwk) == ("opaque-12", "")

    def test_a_row_holds_plain_text_that_every_driver_stores_alike(self):
        row = standing_row(Algorithm.ES256)
        assert (type(row.purpose), type(row.algorithm)) == (str, str)

    def test_rsa_keys_have_3072_bits(self):
        assert standing_keyring().signing_key("RS256", NOW).private_key.key_size == 3072

    def test_the_private_part_is_nowhere_in_the_clear(self):
        row = standing_row(Algorithm.EDDSA)
        raw = standing_keyring().signing_key("EdDSA", NOW).private_key.private_bytes_raw()
        assert raw not in row.private_encrypted
        assert "private_encrypted" not in repr(row)

    @pytest.mark.parametrize(
        ("purpose", "algorithm"),
        [
            (KeyPurpose.SIGNING, "HS256"),
            (KeyPurpose.SIGNING, "none"),
            (KeyPurpose.SIGNING, "HKDF-SHA256"),
            (KeyPurpose.OPAQUE, "ES256"),
        ],
    )
    def test_an_algorithm_of_another_purpose_is_refused(self, purpose, algorithm):
        with pytest.raises(ValueError, match="no algorithm for"):
            generate(
                purpose,
                algorithm,
                number=1,
                now=NOW,
                activates_at=NOW,
                retires_at=NOW + DAY,
                gone_at=NOW + 2 * DAY,
                encryption=ENCRYPTION,
            )

    @pytest.mark.parametrize(("retires", "gone"), [(0, 1), (-1, 1), (2, 1)])
    def test_times_out_of_order_are_refused(self, retires, gone):
        with pytest.raises(ValueError, match="activates, then retires"):
            generate(
                KeyPurpose.SIGNING,
                "ES256",
                number=1,
                now=NOW,
                activates_at=NOW,
                retires_at=NOW + retires * DAY,
                gone_at=NOW + gone * DAY,
                encryption=ENCRYPTION,
            )

    @pytest.mark.parametrize("number", [0, 65536])
    def test_a_number_that_a_token_cannot_name_is_refused(self, number):
        with pytest.raises(ValueError, match="65535"):
            key_row(number=number)


class TestStates:
    def test_a_key_walks_by_its_times(self):
        row = key_row(activates_at=NOW)
        assert row.state(NOW - MOMENT) is KeyState.NEXT
        assert row.state(NOW) is KeyState.ACTIVE
        assert row.state(row.retires_at - MOMENT) is KeyState.ACTIVE
        assert row.state(row.retires_at) is KeyState.RETIRED
        assert row.state(row.gone_at - MOMENT) is KeyState.RETIRED
        assert row.state(row.gone_at) is KeyState.GONE

    def test_a_revocation_holds_whatever_the_clock_says(self):
        row = revoked(key_row(activates_at=NOW), when=NOW + DAY)
        assert {row.state(NOW + days * DAY) for days in (-2, 0, 15, 99)} == {KeyState.REVOKED}


class TestSigningKeys:
    def test_the_newest_active_key_of_the_algorithm_signs(self):
        old, new = key_row(activates_at=NOW - 2 * DAY), key_row(activates_at=NOW - DAY)
        following, other = key_row(activates_at=NOW + DAY), key_row(Algorithm.EDDSA)
        for rows in ([old, new, following, other], [other, following, new, old]):
            assert keyring_of(*rows).signing_key("ES256", NOW).kid == new.kid

    def test_signing_begins_and_ends_on_the_instant(self):
        row = key_row(activates_at=NOW)
        keyring = keyring_of(row)
        assert keyring.signing_key("ES256", row.activates_at).kid == row.kid
        assert keyring.signing_key("ES256", row.retires_at - MOMENT).kid == row.kid
        for now in (row.activates_at - MOMENT, row.retires_at):
            with pytest.raises(NoKey, match="ES256"):
                keyring.signing_key("ES256", now)

    def test_a_revoked_key_hands_over_to_the_one_before(self):
        old, new = key_row(activates_at=NOW - 2 * DAY), key_row(activates_at=NOW - DAY)
        assert keyring_of(old, revoked(new)).signing_key("ES256", NOW).kid == old.kid

    @pytest.mark.parametrize("algorithm", ["RS256", "HKDF-SHA256", "none", "HS256"])
    def test_there_is_no_key_of_an_algorithm_without_a_row(self, algorithm):
        keyring = keyring_of(key_row(), key_row(Algorithm.HKDF_SHA256))
        with pytest.raises(NoKey):
            keyring.signing_key(algorithm, NOW)

    def test_loaded_keys_are_kept(self):
        keyring = standing_keyring()
        assert keyring.signing_key("ES256", NOW) is keyring.signing_key("ES256", NOW)

    def test_many_threads_load_one_key(self):
        keyring = keyring_of(standing_row(Algorithm.ES256))
        with ThreadPoolExecutor(8) as executor:
            keys = list(executor.map(lambda _: keyring.signing_key("ES256", NOW), range(64)))
        assert {key.kid for key in keys} == {standing_row(Algorithm.ES256).kid}


class TestVerifyingKeys:
    def test_next_active_and_retired_keys_verify_and_gone_ones_do_not(self):
        row = key_row(activates_at=NOW)
        keyring = keyring_of(row)
        for now in (NOW - 100 * DAY, NOW, row.retires_at, row.gone_at - MOMENT):
            key = keyring.verifying_key(row.kid, now)
            assert key is not None
            assert (key.kid, key.algorithm) == (row.kid, "ES256")
        assert keyring.verifying_key(row.kid, row.gone_at) is None
        assert keyring.knows(row.kid)

    def test_a_revoked_key_verifies_nothing(self):
        row = key_row()
        keyring = keyring_of(revoked(row))
        assert keyring.verifying_key(row.kid, NOW) is None
        assert keyring.knows(row.kid)

    def test_unknown_and_opaque_keys_verify_nothing(self):
        keyring = keyring_of(key_row(), key_row(Algorithm.HKDF_SHA256, number=1))
        for kid in ("", "opaque-1", "../../dev/null", "' OR 1=1"):
            assert keyring.verifying_key(kid, NOW) is None
            assert not keyring.knows(kid)

    def test_a_fingerprint_names_the_key_and_not_only_its_kid(self):
        one, other = key_row(), key_row()
        first = keyring_of(one).verifying_key(one.kid, NOW)
        second = keyring_of(other).verifying_key(other.kid, NOW)
        assert first is not None
        assert second is not None
        assert first.fingerprint != second.fingerprint


class TestOpaqueKeys:
    def test_the_newest_active_key_is_current_and_the_others_verify(self):
        rows = [
            key_row(Algorithm.HKDF_SHA256, number=number, activates_at=NOW + days * DAY)
            for number, days in ((1, -100), (2, -2), (3, -1), (4, 1))
        ]
        keys = keyring_of(*rows).opaque_keys(NOW)
        assert keys.current.number == 3
        assert set(keys.by_number) == set(keys.locator_keys) == {1, 2, 3, 4}

    def test_the_current_key_changes_on_the_instant_in_both_directions(self):
        old = key_row(Algorithm.HKDF_SHA256, number=1, activates_at=NOW - DAY)
        new = key_row(Algorithm.HKDF_SHA256, number=2, activates_at=NOW)
        keyring = keyring_of(old, new)
        instants = [(NOW - MOMENT, 1), (NOW, 2), (NOW + 9 * DAY + DAY - MOMENT, 2)]
        for now, number in instants + instants[::-1]:
            assert keyring.opaque_keys(now).current.number == number

    def test_between_two_changes_the_answer_is_kept(self):
        keyring = standing_keyring()
        assert keyring.opaque_keys(NOW) is keyring.opaque_keys(NOW + DAY)

    def test_a_revoked_key_neither_makes_nor_verifies(self):
        old = key_row(Algorithm.HKDF_SHA256, number=1, activates_at=NOW - 2 * DAY)
        new = key_row(Algorithm.HKDF_SHA256, number=2)
        keys = keyring_of(old, revoked(new)).opaque_keys(NOW)
        assert keys.current.number == 1
        assert set(keys.by_number) == {1}

    def test_without_an_active_key_there_is_no_answer(self):
        row = key_row(Algorithm.HKDF_SHA256)
        for keyring, now in [
            (keyring_of(), NOW),
            (keyring_of(row), row.retires_at),
            (keyring_of(revoked(row)), NOW),
        ]:
            with pytest.raises(NoKey, match="opaque"):
                keyring.opaque_keys(now)

    def test_the_same_row_gives_the_same_keys_in_every_process(self):
        row = key_row(Algorithm.HKDF_SHA256)
        one, other = (keyring_of(row).opaque_keys(NOW).current for _ in range(2))
        assert one.hmac_key == other.hmac_key


class TestJwks:
    def test_it_lists_public_parts_only(self):
        listed = standing_keyring().jwks(NOW)["keys"]
        keys = {key["kty"]: key for key in listed}
        common = {"kid", "alg", "use", "kty"}
        assert keys["EC"].keys() == common | {"crv", "x", "y"}
        assert keys["RSA"].keys() == common | {"n", "e"}
        assert keys["OKP"].keys() == common | {"crv", "x"}
        assert {key["use"] for key in listed} == {"sig"}
        assert {key["alg"] for key in listed} == {"ES256", "RS256", "PS256", "EdDSA"}

    def test_next_and_retired_keys_are_listed_gone_and_revoked_ones_are_not(self):
        retired = key_row(activates_at=NOW - 11 * DAY)
        gone = key_row(activates_at=NOW - 20 * DAY)
        active, following = key_row(), key_row(activates_at=NOW + DAY)
        bad = revoked(key_row())
        rows = [following, bad, active, gone, retired]
        listed = [key["kid"] for key in keyring_of(*rows).jwks(NOW)["keys"]]
        assert listed == [retired.kid, active.kid, following.kid]
        assert keyring_of(*rows[::-1]).jwks(NOW) == keyring_of(*rows).jwks(NOW)

    def test_who_changes_the_answer_changes_nothing_else(self):
        keyring = keyring_of(standing_row(Algorithm.ES256))
        keyring.jwks(NOW)["keys"][0]["kid"] = "mine"
        keyring.jwks(NOW)["keys"].clear()
        assert keyring.jwks(NOW)["keys"][0]["kid"] == standing_row(Algorithm.ES256).kid

    def test_members_that_do_not_belong_there_stay_inside(self):
        row = standing_row(Algorithm.EDDSA)
        noisy = replace(row, public_jwk=json.dumps(json.loads(row.public_jwk) | {"d": "secret"}))
        assert "d" not in keyring_of(noisy).jwks(NOW)["keys"][0]


class TestEncryption:
    OLD, NEW = b"o" * 32, b"n" * 32

    def test_what_is_encrypted_opens_in_its_context_only(self):
        data = ENCRYPTION.encrypt(b"plain", b"here")
        assert ENCRYPTION.decrypt(data, b"here") == b"plain"
        assert ENCRYPTION.encrypt(b"plain", b"here") != data
        with pytest.raises(KeyUnreadable, match="altered, or belongs to another row"):
            ENCRYPTION.decrypt(data, b"there")

    def test_every_changed_byte_is_noticed(self):
        data = ENCRYPTION.encrypt(b"plain", b"")
        for position in range(len(data)):
            changed = bytearray(data)
            changed[position] ^= 1
            with pytest.raises(KeyUnreadable):
                ENCRYPTION.decrypt(bytes(changed), b"")

    def test_truncated_data_is_unreadable(self):
        data = ENCRYPTION.encrypt(b"plain", b"")
        for length in range(len(data)):
            with pytest.raises(KeyUnreadable):
                ENCRYPTION.decrypt(data[:length], b"")

    def test_the_first_key_encrypts_and_all_decrypt(self):
        old, new = KeyEncryptionKeys([self.OLD]), KeyEncryptionKeys([self.NEW])
        both = KeyEncryptionKeys([self.NEW, self.OLD])
        assert both.decrypt(old.encrypt(b"plain", b""), b"") == b"plain"
        assert new.decrypt(both.encrypt(b"plain", b""), b"") == b"plain"

    def test_a_missing_key_encryption_key_is_named(self):
        old, new = KeyEncryptionKeys([self.OLD]), KeyEncryptionKeys([self.NEW])
        data = old.encrypt(b"plain", b"")
        with pytest.raises(KeyUnreadable) as caught:
            new.decrypt(data, b"")
        assert f"key-encryption key {data[:8].hex()}, which is not configured" in str(caught.value)
        assert new.encrypt(b"", b"")[:8].hex() in str(caught.value)

    def test_key_encryption_keys_survive_a_rotation_without_the_old_one(self):
        old = KeyEncryptionKeys([KEK])
        row = standing_row(Algorithm.ES256)
        rewrapped = rewrap(row, KeyEncryptionKeys([self.NEW, KEK]))
        assert replace(rewrapped, private_encrypted=row.private_encrypted) == row
        new = KeyEncryptionKeys([self.NEW])
        same_key = Keyring.open([rewrapped], new).signing_key("ES256", NOW).private_key
        key = Keyring.open([row], old).signing_key("ES256", NOW).private_key
        assert same_key.private_numbers() == key.private_numbers()

    def test_a_private_key_that_cannot_sign_is_unreadable(self):
        row = key_row(Algorithm.EDDSA)
        exchange = x25519.X25519PrivateKey.generate().private_bytes(
            Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
        )
        odd = replace(row, private_encrypted=ENCRYPTION.encrypt(exchange, _context(row)))
        with pytest.raises(KeyUnreadable, match="no key for EdDSA"):
            keyring_of(odd).signing_key("EdDSA", NOW)

    @pytest.mark.parametrize("keys", [[], [b""], [b"x" * 31], [KEK, b"x" * 33]])
    def test_key_encryption_keys_of_another_length_are_refused(self, keys):
        with pytest.raises(ValueError, match="32 bytes"):
            KeyEncryptionKeys(keys)

    @pytest.mark.parametrize("use", ["signing_key", "verifying_key", "opaque_keys", "jwks"])
    def test_every_use_of_a_row_under_a_missing_key_says_which_row(self, use):
        rows = [standing_row(Algorithm.ES256), standing_row(Algorithm.HKDF_SHA256)]
        keyring = Keyring.open(rows, KeyEncryptionKeys([self.NEW]))
        arguments = {"signing_key": ["ES256"], "verifying_key": [rows[0].kid]}.get(use, [])
        with pytest.raises(KeyUnreadable, match=f"key ({rows[0].kid}|opaque-1): it is encrypted"):
            getattr(keyring, use)(*arguments, NOW)


class TestWhoCanWriteToTheDatabase:
    """and has no key-encryption key cannot make the service trust a key of their own."""

    def test_a_public_key_in_another_row_is_not_believed(self):
        row, attackers = key_row(), key_row()
        planted = replace(row, public_jwk=attackers.public_jwk)
        keyring = keyring_of(planted)
        with pytest.raises(KeyUnreadable, match="altered, or belongs to another row"):
            keyring.verifying_key(row.kid, NOW)
        with pytest.raises(KeyUnreadable):
            keyring.jwks(NOW)

    @pytest.mark.parametrize(
        "changes",
        [
            {"kid": "mine"},
            {"number": 2},
            {"algorithm": "RS256"},
            {"private_encrypted": b""},
            {"public_jwk": "{}"},
            {"public_jwk": "not JSON"},
            {"public_jwk": '["kty"]'},
            {"public_jwk": ""},
        ],
    )
    def test_no_part_of_a_row_can_be_exchanged(self, changes):
        row = replace(standing_row(Algorithm.ES256), **changes)
        with pytest.raises(KeyUnreadable, match=f"key {row.kid}"):
            keyring_of(row).verifying_key(row.kid, NOW)

    def test_a_number_of_an_opaque_key_cannot_be_exchanged(self):
        row = replace(key_row(Algorithm.HKDF_SHA256, number=1), number=2)
        with pytest.raises(KeyUnreadable):
            keyring_of(row).opaque_keys(NOW)

    def test_json_that_a_database_wrote_in_another_way_is_the_same_key(self):
        row = standing_row(Algorithm.ES256)
        members = dict(reversed(json.loads(row.public_jwk).items()))
        rewritten = replace(row, public_jwk=json.dumps(members, indent=1))
        assert keyring_of(rewritten).jwks(NOW) == keyring_of(row).jwks(NOW)


def test_two_rows_with_one_name_or_number_are_refused():
    row, opaque_row = key_row(), key_row(Algorithm.HKDF_SHA256, number=5)
    with pytest.raises(ValueError, match="same kid or number"):
        keyring_of(row, row)
    with pytest.raises(ValueError, match="same kid or number"):
        keyring_of(opaque_row, replace(opaque_row, kid="opaque-6"))
    keyring_of(key_row(number=5), key_row(number=5), opaque_row)
