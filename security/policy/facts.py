"""What a decision depends on beside the request, as plain values: accounts, patients, networks, grants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from security.errors import PolicyRefused
from security.identity.account import Role
from security.identity.shift import Shift

GLASS_STAYS_BROKEN = timedelta(minutes=15)

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What the policies ask of an account."""

    user: str
    role: Role
    domain: str | None = None
    shift: Shift | None = None  # None: never on shift
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What the policies ask of a patient."""

    patient: str
    assigned: frozenset[str]  # user names
    domain: str
    legal_hold: bool = False


class Networks:
    """The known places: networks with the name of their site."""

    def __init__(self, sites: Mapping[str, str]) -> None:
        """`sites` is CIDR → site. Raises PolicyRefused for a text that is no network."""
        self._sites = [(_network(cidr), site) for cidr, site in sites.items()]
        self._sites.sort(key=lambda known: -known[0].prefixlen)  # the narrowest network names the place

    def site_of(self, address: Address) -> str | None:
        """The site of the narrowest network that has `address`; None if none has."""
        return next((site for network, site in self._sites if address in network), None)

    def __str__(self) -> str:
        return ", ".join(str(network) for network, _ in self._sites) or "no network is configured"


@lru_cache(maxsize=4096)
def read_address(text: str) -> Address:
    """The address of `text`; an IPv4 address mapped into IPv6 is the IPv4 address. Raises ValueError."""
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise ValueError("an address with a zone means another host on every link")
        return address.ipv4_mapped or address
    return address


def glass_is_broken(broken_at: datetime | None, at: datetime) -> bool:
    """Whether a glass broken at `broken_at` lets in at `at`: for 15 minutes, the end excluded."""
    return broken_at is not None and timedelta() <= at - broken_at < GLASS_STAYS_BROKEN


def _network(cidr: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(cidr, strict=False)
    except ValueError as error:
        raise PolicyRefused(f"expected a network such as 10.0.0.0/8 or fd00::/8, found {cidr[:64]!r}") from error
