"""The campaign reference, made from the models: `python -m orchestrator.flow.reference [FILE]`.

Every key with its meaning, form and default stands once, at its definition in `orchestrator/model`;
`docs/campaign-reference.md` is made from there, and a test holds it to that.
"""

import sys
from collections.abc import Iterable, Iterator
from inspect import getdoc
from pathlib import Path

from orchestrator.flow.load.shape import examples, fields, hints
from orchestrator.flow.load.values import operators
from orchestrator.flow.load.written import anchor, default_text, form
from orchestrator.flow.render.context import MEANINGS, VARIABLES
from orchestrator.flow.render.filters import FILTERS
from orchestrator.flow.render.vocabulary import FUNCTIONS, MACROS, OWN_FILTERS
from orchestrator.model.answer import Answers
from orchestrator.model.base import Written
from orchestrator.model.campaign import Campaign, Goal
from orchestrator.model.condition import LEAVES, OPERATORS, EventFilter, Group, Tests, TraitTest
from orchestrator.model.offer import Offer, Products
from orchestrator.model.shop import (
    Brand,
    Caps,
    ChannelUse,
    Keep,
    PriceDisplay,
    Shop,
    Themes,
    Tracking,
    TraitSpec,
    TraitType,
)
from orchestrator.model.step import STEPS, Branch, Send, Still, Wait
from orchestrator.model.trigger import TRIGGERS, Match
from orchestrator.model.version import TEMPLATE_FILES

PATH = Path("docs") / "campaign-reference.md"

_BEGINNING = """\
# Campaign reference

<!-- Made from the models by `python -m orchestrator.flow.reference`. Change it there. -->

A campaign is a folder in `campaigns/`: a `campaign.yaml` that says who hears what and when, and
the templates of its messages. The folder's name is the campaign's. What all campaigns share stands
once, in `campaigns/shop.yaml`. `tactful check` reads everything and tells every mistake with its
line. Folders that begin with `_` are let be: a place for drafts.

```yaml
# campaigns/cart-reminder/campaign.yaml
purpose: help
topic: favourites

trigger:
  event: Cart Updated
  where: {items_count: {at_least: 1}}
  wait: 4h
  unless: {event: Order Completed, same: cart_id}

audience:
  all:
    - {trait: lifecycle, in: [new, active, lapsing]}
    - {did: Product Viewed, where: {theme: running}, at_least: 3 times, within: 14d}
  none:
    - {did: Ticket Opened, within: 14d}

offer:
  products: {from: trigger, at_most: 3}
  show: [total price, unit price, valid until, how to order]

steps:
  - send: {channels: [preferred, email, sms], expires: 24h}
  - wait: {for: 2d, until: {event: Order Completed, same: cart_id}}
  - send: {channels: [email], template: last-call, when: {still: audience}}

caps: [2 per 7d, 4 per 30d]
max_audience: 20_000
goal: {event: Order Completed, within: 3d, value: total}
holdout: 10%
```

**In an editor.** `tactful schema` writes a JSON Schema. With the YAML language server (VS Code:
the extension "YAML"), a first line names it, and keys are completed and checked while typing:

```yaml
# yaml-language-server: $schema=../campaign.schema.json
```

**What is read how.** As it is written: `22:00` is a time, `NO` is Norway, `007` and `1.10` keep
their digits. Only a plain number is a number. `yes` and `no` are a yes and a no where one is asked
for, and words elsewhere. A key with nothing after it is an error, and so is a key written twice.
YAML's anchors, aliases and tags are not used.

**What is not known never matches.** A customer whose city is unknown is neither in Paris nor
"not in Paris". Ask for gaps with `known: no`.
"""

_WAYS = """\
## Ways to write

| form | examples | |
|---|---|---|
| span | `90s`, `30m`, `4h`, `14d`, `2w` | a number and s, m, h, d or w; a day is 24 hours |
| cap | `2 per 7d`, `3 per week`, `1 per day` | in any stretch of that length; `0` is none at all |
| | `2 per calendar week`, `day` or `month` | in the customer's zone; weeks begin on Monday |
| share | `10%` | |
| number | `3`, `2.50`, `3 times` | |
| time | `9:30`, `22:00` | local, to the minute |
| hours | `21:00-09:00` | over midnight if need be; the end is not part of it |
| date | `2017-11-23` | |
| day and time | `2017-11-22 10:00` | local, to the minute |
| schedule | `0 10 * * MON` | minute, hour, day of the month, month, weekday; local |
"""

_TEMPLATES = """\
## Templates

A message needs the files of its channel in the campaign's folder. A step's `template: last-call`
puts `last-call.` before their names. `email.txt.j2` may be added; else the text is made from the
HTML. Files that begin with `_` are there to be included by others.

In place of `email.html.j2` there may be `email.mjml.j2`, in
[MJML](https://documentation.mjml.io) 4: sections and columns that fit every screen and mail
program.
It is made into HTML once for each version of a campaign; Jinja then fills it for each message.

- Values, `{{ … }}`, may stand in texts and within the quotes of attributes such as `href`, `src`
  and `alt`.
- Statements, `{% if … %}` and `{% for … %}`, may stand around whole sections, within columns, and
  within `mj-text`, `mj-button`, `mj-table` and `mj-raw`. Not around columns, for MJML works out
  their widths once.
- `mj-preview` is the preheader. `mj-style` is put into the tags, and stays for the rules that
  depend on a screen.
- `<mjml>` without `lang` is in the customer's language.
- `{% set %}` and `{% import %}` may stand before `<mjml>`. `mj-include` reads no files; within
  `mj-text` and `mj-raw` `{% include "_part.html.j2" %}` does.

| channel | files |
|---|---|
"""

_IN_TEMPLATES = """\
### What a template knows

What is unknown is absent, and an absent value is an error that `tactful check` or `preview` tells:
write `{{ customer.first_name | default("there") }}` or `{% if product.brand is defined %}`.
Everything that customers and feeds wrote is escaped.

| variable | what it holds | its entries |
|---|---|---|
"""

_MONEY = """\

Money is printed by these macros alone. They write what they show into the quote that is kept with
the message, and what an offer must `show` is looked for there; a bare number where a price belongs
is an error.

| macro | what it prints |
|---|---|
"""

_FILTERS = """\

Filters: {names}.

Those of Jinja that could cost any amount of time or space are left out, and so are `safe`,
`random`, `range` and `lipsum`. A template's output and its time are limited.
"""


def reference() -> str:
    """The whole page."""
    return "\n".join(_trimmed(_parts())).strip() + "\n"


def _parts() -> Iterator[str]:
    yield _BEGINNING
    yield from _section("##", "A campaign", Campaign)
    yield "\n## Triggers\n\nWhat asks for a message. The first word says which it is."
    for word, trigger in TRIGGERS.items():
        yield from _section("###", f"`{word}`", trigger)
    yield from _section("###", "Another event", Match)
    yield "\n## Conditions\n\nTests on what is known of a customer. The first word says which."
    for word, leaf in LEAVES.items():
        yield from _section("###", f"`{word}`", leaf, () if leaf is not TraitTest else Tests)
    yield from _section("###", "`all`, `any`, `none`", Group)
    yield from _tests()
    yield from _section("###", "Filters on events", EventFilter)
    yield "\n## Steps\n\nWhat happens, one after the other. A campaign without `steps` sends once."
    for word, step in STEPS.items():
        yield from _section("###", f"`{word}:`", step)
    parts: dict[str, type[Written]] = {
        "What a send has": Send,
        "What a wait has": Wait,
        "What a branch has": Branch,
        "`still`": Still,
    }
    for title, part in parts.items():
        yield from _section("###", title, part)
    yield from _section("##", "Offer", Offer)
    yield from _section("###", "Products", Products)
    yield from _section("##", "Goal", Goal)
    yield from _section("##", "The shop", Shop)
    for title, part in _SHOP.items():
        yield from _section("###", title, part)
    yield "\n" + _TEMPLATES.rstrip("\n")
    for channel, names in TEMPLATE_FILES.items():
        yield f"| `{channel}` | {', '.join(f'`{name}`' for name in names)} |"
    yield from _in_templates()
    yield "\n" + _WAYS


def _in_templates() -> Iterator[str]:
    yield "\n" + _IN_TEMPLATES.rstrip("\n")
    for name, meaning in MEANINGS.items():
        entries = ", ".join(f"`{entry}`" for entry in sorted(VARIABLES[name] or ()))
        yield f"| `{name}` | {meaning} | {entries} |"
    yield _MONEY.rstrip("\n")
    for call, meaning in (MACROS | FUNCTIONS).items():
        yield f"| `{call}` | {meaning} |"
    names = ", ".join(f"`{name}`" for name in sorted(FILTERS.keys() - OWN_FILTERS.keys()))
    own = "; ".join(f"`{name}`: {meaning}" for name, meaning in OWN_FILTERS.items())
    yield _FILTERS.format(names=f"{own}; and Jinja's {names}").rstrip("\n")


_SHOP: dict[str, type[Written]] = {
    "Brand": Brand,
    "Caps": Caps,
    "Channels": ChannelUse,
    "Traits": TraitSpec,
    "Themes": Themes,
    "Prices": PriceDisplay,
    "Tracking": Tracking,
    "Answers": Answers,
    "Keep": Keep,
}


def _section(
    mark: str, title: str, model: type[Written], without: type[Written] | tuple[()] = ()
) -> Iterator[str]:
    """A heading, what the model says of itself, and its keys; but those of `without`."""
    yield f'\n<a id="{anchor(model)}"></a>\n{mark} {title}\n'
    yield (getdoc(model) or "") + "\n"
    skipped = fields(without).keys() if without else ()
    yield from _table(model, [key for key in fields(model) if key not in skipped])


def _table(model: type[Written], keys: Iterable[str]) -> Iterator[str]:
    yield "| key | meaning | how it is written | without it |"
    yield "|---|---|---|---|"
    for key in sorted(keys, key=lambda key: not fields(model)[key][1].is_required()):
        name, field = fields(model)[key]
        kind = hints(model)[name]
        written = form(kind)
        if shown := [text for text in examples(field, kind) if text.strip("`") != key]:
            written += f": `{shown[0]}`"
        default = default_text(field)
        missing = "**must be there**" if field.is_required() else f"`{default}`" if default else ""
        if model is Campaign and key == "name":
            missing = "the folder's name"
        yield f"| `{key}` | {field.description} | {written} | {missing} |"


def _tests() -> Iterator[str]:
    """The tests on one value, and which of them each type of trait takes."""
    yield f'\n<a id="{anchor(Tests)}"></a>\n### Tests\n'
    yield (getdoc(Tests) or "") + "\n"
    yield from _table(Tests, [op for op in fields(Tests) if op in OPERATORS])
    yield "\n| of a | one may ask |"
    yield "|---|---|"
    for kind in _TYPES:
        asked = ", ".join(f"`{op}`" for op in operators(kind))
        yield f"| {kind} | {asked} |"
    yield "\nThe three that compare with today are for traits alone."


_TYPES: tuple[TraitType, ...] = ("text", "number", "yes/no", "date", "list")


def _trimmed(parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        yield "\n".join(line.rstrip() for line in part.split("\n"))


def main(path: Path = PATH) -> None:
    """Writes the reference to its place, or to the path that is given."""
    path.write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
