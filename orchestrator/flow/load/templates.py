"""Template files, checked with what this campaign will give them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

from orchestrator.flow.load.events import event_of
from orchestrator.flow.load.files import used_files
from orchestrator.flow.load.folder import own_templates
from orchestrator.flow.load.mails import check_addresses, check_mail, is_of_mail, mails
from orchestrator.flow.load.promised import Promises
from orchestrator.flow.load.properties import check_properties
from orchestrator.flow.load.texts import check_text
from orchestrator.flow.render.checks import Known, check_template
from orchestrator.flow.render.context import VARIABLES
from orchestrator.flow.render.filters import FILTERS
from orchestrator.flow.render.state import RenderRefused
from orchestrator.flow.render.templates import MACRO_FILES, TemplateSet
from orchestrator.model.campaign import Campaign
from orchestrator.model.problem import Problem, did_you_mean
from orchestrator.model.shop import Shop
from orchestrator.model.trigger import OnEvent, OnInactive
from orchestrator.model.version import INSTEAD_OF, TEMPLATE_FILES

SHARED = "templates/"

_NEEDS = {
    "event": "only a campaign whose trigger is an event has one",
    "product": "only a campaign with an offer has products",
    "products": "only a campaign with an offer has products",
}
_OFFER = frozenset({"product", "products"})


@dataclass(frozen=True, slots=True)
class Shared:
    """The shared templates by the names that templates call them by, and what is wrong with them.

    In `sources`, one that spoils all others stands as Tactful brings it, so that campaigns can be
    checked all the same.
    """

    sources: Mapping[str, str]
    problems: tuple[Problem, ...]


def check_shared(files: Mapping[str, str]) -> Shared:
    """The shared templates of a shop; `files` as in its settings."""
    shared = ((name, text) for name, text in files.items() if name.startswith(SHARED))
    return _check_shared(tuple(sorted(shared)))


@lru_cache(maxsize=4)
def _check_shared(files: tuple[tuple[str, str], ...]) -> Shared:
    sources = {name.removeprefix(SHARED): text for name, text in files}
    own = {name: (own_templates() / name).read_text(encoding="utf-8") for name in MACRO_FILES}
    found: list[Problem] = []
    for name in sorted(own.keys() & sources.keys()):
        problem = _spoils(name, {**sources, **own, name: sources[name]})
        if problem:
            found.append(problem)
            sources[name] = own[name]
    templates = TemplateSet(sources)
    for name in sorted(sources):
        # Their variables are the macros' own, or differ from page to page.
        problems = check_template(templates, name, _Anything())
        if is_of_mail(name):
            problems += check_addresses(name, sources[name])
        found.extend(replace(problem, file=SHARED + name) for problem in problems)
    return Shared(sources, tuple(found))


def _spoils(name: str, sources: Mapping[str, str]) -> Problem | None:
    """What is wrong with a file of macros that no template could be used beside."""
    try:
        TemplateSet(sources)
    except TemplateSyntaxError as error:
        return Problem(SHARED + name, error.lineno, 1, str(error.message))
    except TemplateNotFound as error:
        return Problem(SHARED + name, 1, 1, f'there is no "{error.name}"')
    except (TemplateError, RenderRefused) as error:
        return Problem(SHARED + name, 1, 1, str(error))
    return None


class _Anything(dict[str, None]):
    def __contains__(self, name: object) -> bool:
        return True


def known_variables(campaign: Campaign, shop: Shop) -> Known:
    """The variables that a template of this campaign will find, with their entries."""
    known: dict[str, frozenset[str] | None] = dict(VARIABLES)
    if not isinstance(campaign.trigger, OnEvent | OnInactive):
        del known["event"]
    if campaign.offer is None:
        for name in _OFFER:
            del known[name]
    known["customer"] = frozenset({"traits", *shop.traits})
    return known


def check_templates(
    campaign: Campaign | None,
    shop: Shop,
    shared: Mapping[str, str],
    files: Mapping[str, str],
    folder: str,
) -> Iterator[Problem]:
    """Everything wrong with a campaign's files; the less where `campaign.yaml` cannot be read."""
    templates = TemplateSet({**files, **shared})
    known = known_variables(campaign, shop) if campaign else VARIABLES
    bodies = _bodies(campaign, files) if campaign and campaign.offer else ()
    letters = mails(campaign, files) if campaign else ()
    used = used_files(campaign, files) if campaign else {}
    promises = Promises(templates)
    for name in sorted(files):
        if not name.endswith(".j2"):
            continue
        problems = check_template(templates, name, known)
        if campaign and isinstance(campaign.trigger, OnEvent | OnInactive):
            event = event_of(campaign.trigger)
            if event in shop.events:
                problems += check_properties(templates, name, event, shop.events[event])
        for problem in problems:
            yield _told(problem, f"{folder}/{name}", known)
        if not problems and name in bodies:
            for what, fix in promises.missing(name):
                yield Problem(f"{folder}/{name}", 1, 1, what, fix)
        wrong: Iterator[Problem] = iter(())
        if not problems and campaign and name in letters:
            wrong = check_mail(name, files[name], campaign, shop, promises)
        elif not problems and is_of_mail(name):
            wrong = check_addresses(name, files[name])
        elif not problems:
            wrong = check_text(name, used.get(name), promises)
        for problem in wrong:
            yield replace(problem, file=f"{folder}/{name}")


def _bodies(campaign: Campaign, files: Mapping[str, str]) -> list[str]:
    """The files in which the price and the way to order belong: all but subjects."""
    bodies = {*INSTEAD_OF.values(), *(names[-1] for names in TEMPLATE_FILES.values())}
    return [name for name, what in used_files(campaign, files).items() if what in bodies]


def _told(problem: Problem, file: str, known: Known) -> Problem:
    """The problem with its file, and with a better fix where the campaign gives one."""
    name = problem.what.partition('"')[2].partition('"')[0]
    if problem.what.startswith("unknown variable") and name in _NEEDS and name not in known:
        return replace(problem, file=file, fix=_NEEDS[name])
    if found := re.fullmatch(r"No (filter|test) named '(.+)'\.", problem.what):
        kind, word = found.groups()
        fix = did_you_mean(word, FILTERS) if kind == "filter" else ""
        return replace(problem, file=file, what=f'there is no {kind} "{word}"', fix=fix)
    return replace(problem, file=file)
