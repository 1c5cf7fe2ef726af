"""Template files, checked with what this campaign will give them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from jinja2 import TemplateError, TemplateSyntaxError

from orchestrator.flow.load.files import used_files
from orchestrator.flow.load.promised import Promises
from orchestrator.flow.render.checks import Known, check_template
from orchestrator.flow.render.context import VARIABLES
from orchestrator.flow.render.templates import TemplateSet
from orchestrator.model.campaign import Campaign
from orchestrator.model.problem import Problem, did_you_mean
from orchestrator.model.shop import Shop
from orchestrator.model.trigger import OnEvent, OnInactive
from orchestrator.model.version import TEMPLATE_FILES

SHARED = "templates/"

_NEEDS = {
    "event": "only a campaign whose trigger is an event has one",
    "product": "only a campaign with an offer has products",
    "products": "only a campaign with an offer has products",
}
_OFFER = frozenset({"product", "products"})


def shared_files(settings_files: Mapping[str, str]) -> dict[str, str]:
    """The shared templates by the names that templates call them by."""
    return {
        name.removeprefix(SHARED): text
        for name, text in settings_files.items()
        if name.startswith(SHARED)
    }


def check_shared(files: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the shared templates; `files` as in the settings."""
    shared = shared_files(files)
    try:
        templates = TemplateSet(shared)
    except TemplateSyntaxError as error:  # a file of macros, which every template has
        return [Problem(f"{SHARED}{error.name}", error.lineno, 1, str(error.message))]
    except TemplateError as error:
        return [Problem(SHARED, 0, 0, str(error))]
    found: list[Problem] = []
    for name in sorted(shared):
        # Their variables are the macros' own, or differ from page to page.
        problems = check_template(templates, name, _Anything())
        found.extend(replace(problem, file=SHARED + name) for problem in problems)
    return found


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
    known["customer"] = frozenset({"id", "traits", *shop.traits})
    return known


def check_templates(
    campaign: Campaign | None,
    shop: Shop,
    shared: Mapping[str, str],
    files: Mapping[str, str],
    folder: str,
) -> Iterator[Problem]:
    """Everything wrong with a campaign's files; the less where `campaign.yaml` cannot be read."""
    try:
        templates = TemplateSet({**shared, **files})
    except TemplateError:
        return  # a shared file's mistake, told there
    known = known_variables(campaign, shop) if campaign else VARIABLES
    bodies = _bodies(campaign, files) if campaign and campaign.offer else ()
    promises = Promises(templates)
    for name in sorted(files):
        if not name.endswith(".j2"):
            continue
        problems = check_template(templates, name, known)
        for problem in problems:
            yield replace(problem, file=f"{folder}/{name}", fix=_fix(problem, known))
        if not problems and name in bodies:
            for what, fix in promises.missing(name):
                yield Problem(f"{folder}/{name}", 1, 1, what, fix)


def _bodies(campaign: Campaign, files: Mapping[str, str]) -> list[str]:
    """The files in which the price and the way to order belong: all but subjects."""
    bodies = {names[-1] for names in TEMPLATE_FILES.values()}
    return [name for name, what in used_files(campaign, files).items() if what in bodies]


def _fix(problem: Problem, known: Known) -> str:
    if problem.what.startswith("unknown variable "):
        name = problem.what.split('"')[1]
        if name in _NEEDS:
            return _NEEDS[name]
        return problem.fix or did_you_mean(name, known)
    return problem.fix
