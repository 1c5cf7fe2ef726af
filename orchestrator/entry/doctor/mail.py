"""Whether the world may believe mail from the shop's domains: SPF, DKIM and DMARC in the DNS.

Only what the DNS says is judged: whether a provider signs with that key is seen in a message alone.
Where the DNS cannot be asked, that is told, and nothing fails for it.
"""

import re
from collections.abc import Iterator, Mapping

from dns.exception import DNSException
from dns.rdatatype import TXT
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from channels.contract import Finding
from orchestrator.entry.doctor.findings import Line, error, good, warning
from orchestrator.model.channel import ADDRESS_KINDS
from orchestrator.model.shop import ChannelUse

ANSWER_WITHIN_S = 3.0
_WRITES_NOWHERE = "outbox"
_SPF = re.compile(r"v=spf1(?=\s|$)", re.IGNORECASE)
_DMARC = re.compile(r"v\s*=\s*DMARC1\s*(?=;|$)", re.IGNORECASE)


class _Silent(Exception):
    """The DNS gave no answer: neither that a record is there nor that it is not."""


def examine_mail(
    channels: Mapping[str, ChannelUse], resolver: Resolver | None = None
) -> Iterator[Line]:
    """Of every channel that sends e-mail, what is found of its sender's domain."""
    for name, use in channels.items():
        domain = use.sender.rpartition("@")[2].strip().lower().rstrip(".")
        plugins = {use.through, use.failover} - {None, _WRITES_NOWHERE}
        if ADDRESS_KINDS.get(name) == "email" and "@" in use.sender and plugins:
            about = f"channel {name}"
            try:
                asked = resolver or Resolver()
                for finding in (
                    _spf(asked, domain),
                    _dkim(asked, domain, use.dkim_selector),
                    _dmarc(asked, domain),
                ):
                    yield about, finding
            except (_Silent, DNSException) as silence:
                what = (
                    f"the DNS cannot be asked, so mail from {domain} was not looked at: {silence}"
                )
                yield about, warning(what, "look again from where names can be looked up")


def _spf(resolver: Resolver, domain: str) -> Finding:
    """RFC 7208: one record, which must not allow everybody."""
    found = [text for text in _texts(resolver, domain) if _SPF.match(text)]
    fix = f'give {domain} one TXT record "v=spf1 include:… -all", as your provider writes it'
    if not found:
        return warning(f"SPF: {domain} does not say who may send for it", fix)
    if len(found) > 1:
        return error(f"SPF: {domain} has {len(found)} records, so none of them counts", fix)
    words = found[0].lower().split()
    if "+all" in words or "all" in words:
        return error(f"SPF: {domain} lets everybody send for it", "end the record with -all")
    return good(f"SPF: {domain} says who may send for it")


def _dkim(resolver: Resolver, domain: str, selector: str | None) -> Finding:
    """RFC 6376: a key that has not been taken back."""
    if selector is None:
        what = f"DKIM: which key signs for {domain} is not told, so it was not looked for"
        return warning(what, "set dkim_selector in the channel, as your provider names it")
    name = f"{selector}._domainkey.{domain}"
    for text in _texts(resolver, name):
        tags = _tags(text)
        if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
            continue
        if not tags["p"]:
            return error(f"DKIM: the key at {name} was taken back", "sign with another selector")
        if "y" in tags.get("t", "").split(":"):
            return warning(f"DKIM: the key at {name} is there for trials alone", "take out t=y")
        return good(f"DKIM: there is a key at {name}")
    return error(f"DKIM: there is no key at {name}", "publish the record that your provider shows")


def _dmarc(resolver: Resolver, domain: str) -> Finding:
    """RFC 7489: a policy of the domain, or of one that it is part of."""
    labels = domain.split(".")
    for start in range(len(labels) - 1):
        name = f"_dmarc.{'.'.join(labels[start:])}"
        found = [text for text in _texts(resolver, name) if _DMARC.match(text)]
        if len(found) > 1:
            what = f"DMARC: {name} has {len(found)} records, so none of them counts"
            return error(what, "leave one of them")
        if found:
            tags = _tags(found[0])
            policy = (tags.get("sp") if start else None) or tags.get("p", "none")
            if policy.lower() == "none":
                what = f"DMARC: {name} only watches what is sent in the name of {domain}"
                return good(what, "once the reports are clean, set p=quarantine or p=reject")
            return good(f"DMARC: {name} asks for {policy.lower()}")
    what = f"DMARC: nothing says what becomes of mail in the name of {domain} that is not from it"
    return warning(what, f'give _dmarc.{domain} a TXT record "v=DMARC1; p=none; rua=mailto:…"')


def _texts(resolver: Resolver, name: str) -> list[str]:
    try:
        answer = resolver.resolve(name, TXT, lifetime=ANSWER_WITHIN_S)
    except (NXDOMAIN, NoAnswer):
        return []
    except DNSException as silence:
        raise _Silent(str(silence) or type(silence).__name__) from silence
    return [b"".join(record.strings).decode("utf-8", "replace") for record in answer]


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs if name.strip()}
