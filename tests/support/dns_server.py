"""A little DNS server on this machine alone: it knows the TXT records that it is given."""

import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.resolver import Resolver

HOST = "127.0.0.1"
Records = Mapping[str, Sequence[str]]


def _answer(asked: dns.message.QueryMessage, records: Records) -> dns.message.Message:
    answer = dns.message.make_response(asked, recursion_available=True)
    (question,) = asked.question
    texts = records.get(str(question.name).rstrip("."))
    if texts is None:
        answer.set_rcode(dns.rcode.NXDOMAIN)
    for text in texts or ():
        # A string of a record holds 255 bytes; what is longer comes in several.
        parts = " ".join(f'"{text[at : at + 255]}"' for at in range(0, len(text), 255))
        rrset = dns.rrset.from_text(question.name, 60, "IN", dns.rdatatype.TXT, parts)
        answer.answer.append(rrset)
    return answer


@contextmanager
def dns_server(records: Records, *, broken: bool = False) -> Iterator[Resolver]:
    """A resolver that asks this server alone. A `broken` one answers everything with SERVFAIL."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind((HOST, 0))

        def serve() -> None:
            while True:
                raw, whom = line.recvfrom(4096)
                if not raw:
                    return
                asked = dns.message.from_wire(raw)
                assert isinstance(asked, dns.message.QueryMessage)
                answer = _answer(asked, records)
                if broken:
                    answer = dns.message.make_response(asked)
                    answer.set_rcode(dns.rcode.SERVFAIL)
                line.sendto(answer.to_wire(), whom)

        thread = threading.Thread(target=serve)
        thread.start()
        resolver = Resolver(configure=False)
        resolver.nameservers = [HOST]
        resolver.port = line.getsockname()[1]
        try:
            yield resolver
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", line.getsockname())
            thread.join()
