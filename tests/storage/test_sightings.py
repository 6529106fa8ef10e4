"""What is remembered of devices and countries: nothing is lost, and nothing written in vain."""

from functools import partial

from tests.storage.building import sign_in, signed_in, tokens_of
from tests.storage.counting import statements
from tests.storage.holding import holding
from token_service.domain.sessions import Device
from token_service.storage import accounts

KINDS = [Device(browser=f"Browser {number}", country=f"Country {number}") for number in range(3)]


def seen(signed):
    with signed.world.database.reading() as tx:
        return accounts.read(tx, signed.person.account_id).seen


def signing_in(signed, device):
    return partial(sign_in, signed.world, signed.person, signed.app, device=device)


def test_sign_ins_at_once_forget_nothing_of_each_other(on_postgres):
    signed = signed_in(on_postgres)
    with holding(on_postgres) as hold:
        hold.run(
            "SELECT 1 FROM accounts WHERE account_id = %s FOR UPDATE", signed.person.account_id
        )
        waiting = hold.start(*(signing_in(signed, device) for device in KINDS))
        hold.release()
        for one in waiting:
            tokens_of(one.result(timeout=60))
    found = seen(signed)
    # Whoever waits is let in in no certain order.
    assert set(found.countries) == {device.country for device in KINDS}
    assert len(found.countries) == len(KINDS)
    assert len(found.devices) == 1 + len(KINDS)
    events = on_postgres.event_names(signed.person.account_id)
    assert events.count("new_device") == len(KINDS)
    assert events.count("new_country") == len(KINDS) - 1


def test_the_same_device_again_writes_no_account(on_postgres):
    signed = signed_in(on_postgres)
    tokens_of(signing_in(signed, KINDS[0])())
    with statements(signed.world) as heard:
        tokens_of(signing_in(signed, KINDS[0])())
    assert "UPDATE accounts" not in heard
    with statements(signed.world) as heard:
        tokens_of(signing_in(signed, KINDS[1])())
    assert heard.count("UPDATE accounts") == 1


def test_a_sign_in_that_comes_to_nothing_makes_nothing_known(signed):
    before = seen(signed)
    wrong = type(signed.person)(signed.person.account_id, signed.person.email, "", "", "wrong")
    sign_in(signed.world, wrong, signed.app, device=KINDS[0])
    assert seen(signed) == before
