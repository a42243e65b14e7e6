"""Addresses from which a key may be used: networks with commas between, like 127.0.0.1,10.0.0.0/8,2001:db8::/32.

The fact a newcomer would get wrong: it is the peer's address that counts. No header says who sent a request.
"""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

ADDRESSES_KEPT: Final = 4_096
LONGEST: Final = 500


def read_allow_list(text: str) -> str:
    """The networks as they are kept; empty: from anywhere. Raises ValueError, which says what is wrong."""
    found: list[str] = []
    for word in text.replace(",", " ").split():
        try:
            network = str(ip_network(word))
        except ValueError as error:
            raise ValueError(f"{word[:50]!r} is no address and no network like 10.0.0.0/8 ({error})") from error
        if network not in found:
            found.append(network)
    if len(",".join(found)) > LONGEST:
        raise ValueError(f"these are more than {LONGEST} characters")
    return ",".join(found)


@lru_cache(maxsize=ADDRESSES_KEPT)
def is_listed(allow_list: str, address: str) -> bool:
    """Whether a peer with this address may use the key. One without an address may not, if there is a list."""
    if not allow_list:
        return True
    try:
        peer = ip_address(address)
    except ValueError:
        return False
    return any(_holds(ip_network(word), peer) for word in allow_list.split(","))


def _holds(network: IPv4Network | IPv6Network, peer: IPv4Address | IPv6Address) -> bool:
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped  # a socket for both kinds of address shows IPv4's so
    return peer in network
