"""`tactful doctor` on the DNS of the sender's domain, asked of a server on this machine."""

import socket

import pytest
from dns.resolver import Resolver

from orchestrator.entry.doctor import mail
from orchestrator.entry.doctor.mail import examine_mail
from orchestrator.model.shop import ChannelUse
from tests.support.dns_server import HOST, Records, dns_server

SENDER = "hello@mail.shop.example"
EMAIL = ChannelUse(through="email_smtp", sender=SENDER, dkim_selector="s1")
SPF, KEY, DMARC = "mail.shop.example", "s1._domainkey.mail.shop.example", "_dmarc.mail.shop.example"
GOOD: Records = {
    SPF: ["google-site-verification=x", "v=spf1 include:_spf.example.net -all"],
    KEY: ["v=DKIM1; k=rsa; p=" + "A" * 400],
    DMARC: ["v=DMARC1; p=reject; rua=mailto:dmarc@shop.example"],
}


def found(records: Records, use: ChannelUse = EMAIL, name: str = "email") -> list[tuple[str, str]]:
    with dns_server(records) as resolver:
        lines = list(examine_mail({name: use}, resolver))
    assert {about for about, _ in lines} <= {f"channel {name}"}
    for _, finding in lines:
        assert finding.fix or finding.level == "good", finding
    return [(str(finding.level), finding.what) for _, finding in lines]


def test_a_domain_in_order() -> None:
    assert found(GOOD) == [
        ("good", "SPF: mail.shop.example says who may send for it"),
        ("good", "DKIM: there is a key at s1._domainkey.mail.shop.example"),
        ("good", "DMARC: _dmarc.mail.shop.example asks for reject"),
    ]


@pytest.mark.parametrize(
    ("name", "texts", "level", "what"),
    [
        (SPF, None, "warning", "SPF: mail.shop.example does not say who may send for it"),
        (SPF, [], "warning", "SPF: mail.shop.example does not say who may send for it"),
        (SPF, ["v=spf10 -all"], "warning",
         "SPF: mail.shop.example does not say who may send for it"),
        (SPF, ["v=spf1 -all", "v=spf1 mx -all"], "error",
         "SPF: mail.shop.example has 2 records, so none of them counts"),
        (SPF, ["v=spf1 mx +all"], "error", "SPF: mail.shop.example lets everybody send for it"),
        (KEY, None, "error", f"DKIM: there is no key at {KEY}"),
        (KEY, ["something else"], "error", f"DKIM: there is no key at {KEY}"),
        (KEY, ["v=DKIM1; p="], "error", f"DKIM: the key at {KEY} was taken back"),
        (KEY, ["v=DKIM1; t=y; p=AAAA"], "warning",
         f"DKIM: the key at {KEY} is there for trials alone"),
        (DMARC, None, "warning",
         "DMARC: nothing says what becomes of mail in the name of mail.shop.example that is not "
         "from it"),
        (DMARC, ["v=DMARC1; p=none", "v=DMARC1; p=reject"], "error",
         "DMARC: _dmarc.mail.shop.example has 2 records, so none of them counts"),
        (DMARC, ["v=DMARC1; p=none"], "good",
         "DMARC: _dmarc.mail.shop.example only watches what is sent in the name of "
         "mail.shop.example"),
    ],
)  # fmt: skip
def test_what_is_amiss_is_told(name: str, texts: list[str] | None, level: str, what: str) -> None:
    records = {**GOOD, name: texts}
    told = found({name: texts for name, texts in records.items() if texts is not None})
    assert (level, what) in told
    assert sum(one == "good" for one, _ in told) == (3 if level == "good" else 2)


def test_a_policy_of_the_domain_above_holds_too() -> None:
    above = {SPF: GOOD[SPF], KEY: GOOD[KEY], "_dmarc.shop.example": ["v=DMARC1; p=none; sp=reject"]}
    assert found(above)[2] == ("good", "DMARC: _dmarc.shop.example asks for reject")


def test_without_a_selector_there_is_no_key_to_look_for() -> None:
    level, what = found(GOOD, ChannelUse(through="email_smtp", sender=SENDER))[1]
    assert (level, what.partition(":")[0]) == ("warning", "DKIM")


@pytest.mark.parametrize(
    ("name", "use"),
    [
        ("email", ChannelUse(through="outbox", sender=SENDER)),
        ("email", ChannelUse(through="email_smtp")),
        ("sms", ChannelUse(through="sms_twilio", sender="+13125550123")),
    ],
)
def test_what_sends_no_mail_asks_nothing(name: str, use: ChannelUse) -> None:
    assert found({}, use, name) == []


def test_a_failover_sends_too() -> None:
    assert len(found(GOOD, ChannelUse(through="outbox", failover="email_smtp", sender=SENDER))) == 3


def test_where_the_dns_cannot_be_asked_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    with dns_server({}, broken=True) as resolver:
        ((_, finding),) = examine_mail({"email": EMAIL}, resolver)
    assert finding.level == "warning"
    assert finding.what.startswith(
        "the DNS cannot be asked, so mail from mail.shop.example was not"
    )
    monkeypatch.setattr(mail, "ANSWER_WITHIN_S", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((HOST, 0))
        resolver = Resolver(configure=False)
        resolver.nameservers, resolver.port = [HOST], silent.getsockname()[1]
        ((_, finding),) = examine_mail({"email": EMAIL}, resolver)
    assert finding.level == "warning"
