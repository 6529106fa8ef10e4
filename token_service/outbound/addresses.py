"""Which addresses may be reached: those of the public internet, and nothing that hides another."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# An IPv6 address can carry an IPv4 address, which a gateway on the way unpacks: NAT64 (RFC 6052,
# RFC 8215), 6to4 (RFC 3056), Teredo (RFC 4380), and the "compatible" form of RFC 4291. Mapped
# addresses (::ffff:0:0/96) reach IPv4 without any gateway.
_CARRYING_IPV4 = tuple(
    ipaddress.IPv6Network(network)
    for network in (
        "::/96",
        "::ffff:0:0/96",
        "::ffff:0:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2002::/16",
        "2001::/32",
    )
)
# Relays of 6to4 (RFC 7526), which were one address for many machines.
_RELAYS = ipaddress.IPv4Network("192.88.99.0/24")


def is_public(text: str) -> bool:
    """Whether the address belongs to one machine somewhere on the internet.

    Not loopback, private, shared (RFC 6598), link-local (cloud metadata services live there),
    multicast, reserved, or an IPv6 form of an IPv4 address: such a form is refused whatever it
    carries, because no server that people use has only that.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address not in _RELAYS
    return not address.is_site_local and not any(address in network for network in _CARRYING_IPV4)
