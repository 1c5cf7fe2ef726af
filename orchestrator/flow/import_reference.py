"""What files an import takes: `python -m orchestrator.flow.import_reference [FILE]`.

The columns stand in `ingest/columns.py`, where the reader has them from; `docs/importing.md` is
made from there, and a test imports its examples.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.flow.ingest.columns import COLUMNS
from orchestrator.flow.ingest.names import other_names
from orchestrator.flow.ingest.records import KINDS, Kind

PATH = Path("docs") / "importing.md"

_BEGINNING = """\
# Importing

<!-- Made by `python -m orchestrator.flow.import_reference`. Change it there. -->

```sh
tactful import customers customers.csv
tactful import products catalogue.jsonl.gz
tactful import events 2026-10.parquet 2026-11.parquet
tactful columns prices            # the tables below, on the screen
```

CSV (with a line of names), JSON lines and parquet; the first two also as `.gz`. CSV may be in
UTF-8 or UTF-16, with commas, semicolons or tabs between its cells. The order of the kinds is free,
but for prices and stock: they need their products. Events and consents may come before their
customers.

- **Names.** Those of the tables below, in any spelling: `E-mail` is `email`. Some other names are
  understood, too; they stand under each table. What was read as what is told at the end.
- **Again.** The same file twice changes nothing. A column that is not there leaves what is known
  as it is; an empty cell takes it away.
- **Bad rows** go to `FILE.rejected.csv`, with line and reason; all others are kept. Mend that file,
  and import it.
- **While it runs** an import may be broken off at any time, and be started again. Other processes
  may plan and send meanwhile.
- **What sells most**, what goes with what and what somebody buys regularly is learned of the
  purchases as an import ends; where workers are, by them within ten minutes.
- **Live**, the shop's servers tell the same by HTTP, in the form of Segment's libraries: see
  [the collector](feedback.md#the-collector).
"""

_ABOUT: Mapping[Kind, str] = {
    "customers": """\
Who they are and where they can be reached. A customer without any consent hears nothing but
service messages. Every trait that `shop.yaml` declares may have a column of its own; others are
left out, and the import says so.""",
    "products": """\
What the shop has. Products that only events have named are known by their keys, and are offered
once a catalogue lists them. A file may hold a part of the catalogue: what it leaves out stays.""",
    "prices": """\
What products cost, from when on. Keep the history: "was" is the lowest price of the last 30 days,
and a price that fell moves the campaigns that wait for it. The same product, currency and beginning
told again corrects the price.""",
    "stock": """\
How much there is, as often as it is counted. Products that nobody counts are always there.""",
    "consents": """\
What customers have agreed to, and withdrawn. All of it is kept, in order, as evidence; what holds
is worked out from that. Without where and in which words, a yes is refused (GDPR Art. 7).""",
    "events": """\
What customers did. Names and properties that `shop.yaml` declares are read in their types; others
are kept as they come. What is bought goes by the event that `shop.yaml` calls `bought`, with its
`products`.""",
}

_EXAMPLES: Mapping[Kind, str] = {
    "customers": """\
id,email,phone,country,preferred_channel,kids_count
c-1042,c-1042@example.com,+12125550123,US,email,2
c-1043,,(305) 555-0147,US,sms,
""",
    "products": """\
id,title,category,size,url
p-7,Ground coffee,Coffee,12 OZ,https://shop.example.com/p/p-7
p-8,Green tea,Teas,20 CT,https://shop.example.com/p/p-8
""",
    "prices": """\
product,amount,at,until,tax
p-7,9.99,2026-09-01T00:00:00Z,,included
p-7,7.49,2026-11-20T00:00:00Z,2026-11-27T00:00:00Z,included
p-7,9.99,2026-11-27T00:00:00Z,,included
""",
    "stock": """\
product,stock,at
p-8,0,2026-11-20T18:00:00Z
""",
    "consents": """\
customer,channel,topic,given,at,touchpoint,wording
c-1042,email,*,yes,2026-08-01T10:00:00Z,checkout,"Yes, write to me about offers"
c-1042,email,offers,no,2026-10-11T08:30:00Z,,
""",
    "events": """\
{"id": "o-1", "name": "Order Completed", "customer": "c-1042", "at": "2026-11-03T17:05:00Z",
 "properties": {"total": 14.98, "products": [{"product_id": "p-7", "quantity": 2, "price": 7.49}]}}
""",
}


def import_reference() -> str:
    """The whole page."""
    return "\n".join(_parts())


def example(kind: Kind) -> tuple[str, str]:
    """A file's text, and what its name ends with."""
    text = _EXAMPLES[kind]
    if kind == "events":  # one line for each, which a page breaks for people
        return text.replace(",\n ", ", "), "jsonl"
    return text, "csv"


def _parts() -> Iterator[str]:
    yield _BEGINNING
    for kind in KINDS:
        yield f"## {kind.capitalize()}\n\n{_ABOUT[kind]}\n"
        yield "| column | meaning | how it is written | without it |\n|---|---|---|---|"
        for name, column in COLUMNS[kind].items():
            yield f"| `{name}` | {column.meaning} | {column.form} | {column.without} |"
        yield f"\nOther names: {_others(kind)}.\n"
        yield f"```{'json' if kind == 'events' else 'csv'}\n{_EXAMPLES[kind]}```\n"


def _others(kind: Kind) -> str:
    found = {name: other_names(kind, name) for name in COLUMNS[kind]}
    return "; ".join(
        f"{', '.join(f'`{other}`' for other in others)} for `{name}`"
        for name, others in found.items()
        if others
    )


def main(path: Path = PATH) -> None:
    """Writes the page to its place, or to the path that is given."""
    path.write_text(import_reference(), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
