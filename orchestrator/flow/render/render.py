"""From templates and data to what a customer gets, or to the reason why there is nothing."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from markupsafe import Markup
from resiliparse.extract.html2text import extract_plain_text

from orchestrator.flow.render.context import MessageContext
from orchestrator.flow.render.inline_css import inline
from orchestrator.flow.render.money_text import quote_of
from orchestrator.flow.render.state import (
    DEFAULT_LIMITS,
    OutOfTime,
    Reason,
    RenderLimits,
    RenderRefused,
    RenderState,
)
from orchestrator.flow.render.templates import TemplateSet
from orchestrator.model.money import Quote
from orchestrator.model.sms import Segments, fold, segments
from orchestrator.model.version import INSTEAD_OF

# A header ends at a line break; direction overrides make a subject read as what it is not; half a
# surrogate pair cannot be encoded.
_NOT_IN_HEADERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]").search
_NOT_IN_BODIES = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]").search
_CONTROLS = bytes(sorted({*range(32), 127} - {9, 10, 13}))
# Browsers skip spaces and line breaks within the word.
_SCRIPT = r"(?:j\s*a\s*v\s*a|v\s*b)\s*s\s*c\s*r\s*i\s*p\s*t\s*:"
_DATA = r"d\s*a\s*t\s*a\s*:"
_PERHAPS_SCRIPT = re.compile(rf"=\s*[\"']?\s*(?:{_SCRIPT}|{_DATA})", re.IGNORECASE).search
_TAG = re.compile(r"<[a-zA-Z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>")
_ATTRIBUTE = re.compile(r"([\w:-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_IS_SCRIPT = re.compile(rf"\s*(?:{_SCRIPT})", re.IGNORECASE).match
_IS_DATA = re.compile(rf"\s*(?:{_DATA})", re.IGNORECASE).match
_LED_TO = frozenset({"href", "xlink:href", "action", "formaction"})
_FETCHED = frozenset({"src", "srcset", "background", "poster", "cite"})
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}").sub
_SPACES = re.compile(r"\s+").sub


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message as the customer will see it. Only e-mail has a preheader and html, and only a text
    message segments."""

    text: str
    quote: Quote
    subject: str = ""
    preheader: str = ""
    html: str = ""
    segments: Segments | None = None


@dataclass(frozen=True, slots=True)
class RenderFailed:
    """Why there is no message. `line` counts from 1; 0 where no line is to blame.

    `out_of_time`: it took too long by the clock, which may be the machine's fault.
    """

    reason: Reason
    detail: str
    template: str = ""
    line: int = 0
    out_of_time: bool = False


def file_name(kind: str, prefix: str = "") -> str:
    """`email.html.j2`, or `last-call.email.html.j2` for the step's template `last-call`."""
    return f"{prefix}.{kind}.j2" if prefix else f"{kind}.j2"


def page_name(templates: TemplateSet, prefix: str = "") -> str:
    """The file of an e-mail's page: HTML, or MJML where that is written instead."""
    page = file_name("email.html", prefix)
    instead = f"{prefix}.{INSTEAD_OF['email.html.j2']}" if prefix else INSTEAD_OF["email.html.j2"]
    return instead if page not in templates and instead in templates else page


def render_email(
    templates: TemplateSet,
    context: MessageContext,
    *,
    prefix: str = "",
    offer: bool = False,
    limits: RenderLimits = DEFAULT_LIMITS,
) -> Rendered | RenderFailed:
    """Subject, HTML with its CSS inlined, and the plain-text part (from `email.txt.j2`, else made
    from the HTML). With `offer`, a message without a total price or an order link has failed."""
    return _in_time(lambda: _email(templates, context, prefix, offer, limits))


def _in_time(render: Callable[[], Rendered | RenderFailed]) -> Rendered | RenderFailed:
    """What took too long is tried once more: the first time may have compiled the templates, or the
    machine has stood still for others, which a guest counts as time of the processor's."""
    made = render()
    return render() if isinstance(made, RenderFailed) and made.out_of_time else made


def _email(
    templates: TemplateSet,
    context: MessageContext,
    prefix: str,
    offer: bool,
    limits: RenderLimits,
) -> Rendered | RenderFailed:
    state = RenderState(context.locale, context.zone, limits)
    name = ""
    try:
        name = file_name("email.subject", prefix)
        subject = _header(templates.render(name, context.values, state), "the subject")
        if not subject:
            return RenderFailed("empty", "the subject is empty", name)
        name = page_name(templates, prefix)
        page, shown = templates.render_with_block(name, "preheader", context.values, state)
        html = _harmless(_body(page))
        preheader = _header(_SPACES(" ", str(Markup(shown).unescape())), "the preheader")
        own_text = file_name("email.txt", prefix)
        if own_text in templates:
            name = own_text
            text = _body(templates.render(name, context.values, state)).strip()
        else:
            text = _BLANK_LINES(
                "\n\n", extract_plain_text(html, links=True, skip_elements=["[data-html-only]"])
            ).strip()
        if not text:
            return RenderFailed("empty", "there is nothing to read", name)
        quote = quote_of(state, f"{subject}\n{html}")
        refused = _offer_refused(quote, name) if offer else None
        return refused or Rendered(
            text=text,
            quote=quote,
            subject=subject,
            preheader=preheader,
            html=html if templates.inlined(name) else inline(html),
        )
    except Exception as error:  # data may break a template in any way; this message alone ends
        return _failed(error, name, templates)


def render_text(
    templates: TemplateSet,
    context: MessageContext,
    *,
    prefix: str = "",
    kind: str = "sms.txt",
    offer: bool = False,
    limits: RenderLimits = DEFAULT_LIMITS,
) -> Rendered | RenderFailed:
    """A message of plain text, under its own subject where there is a template for one.

    One by telephone is folded into GSM-7 where nothing is lost, with its segments counted; what too
    many of them are is for the caller to say.
    """
    return _in_time(lambda: _text(templates, context, prefix, kind, offer, limits))


def _text(
    templates: TemplateSet,
    context: MessageContext,
    prefix: str,
    kind: str,
    offer: bool,
    limits: RenderLimits,
) -> Rendered | RenderFailed:
    state = RenderState(context.locale, context.zone, limits)
    name = file_name(f"{kind.removesuffix('.txt')}.subject", prefix)
    try:
        subject = ""
        if name in templates:
            subject = _header(templates.render(name, context.values, state), "the subject")
            if not subject:
                return RenderFailed("empty", "the subject is empty", name)
        name = file_name(kind, prefix)
        written = _body(templates.render(name, context.values, state)).strip()
        if not written:
            return RenderFailed("empty", "there is nothing to read", name)
        quote = quote_of(state, f"{subject}\n{written}")
        refused = _offer_refused(quote, name) if offer else None
        if refused is not None or kind != "sms.txt":
            return refused or Rendered(text=written, quote=quote, subject=subject)
        text = fold(written)
        return Rendered(text=text, quote=quote, segments=segments(text))
    except Exception as error:  # data may break a template in any way; this message alone ends
        return _failed(error, name, templates)


def _header(text: str, what: str) -> str:
    # Conditions on lines of their own leave line ends before and after what is said.
    text = text.strip("\r\n\t ")
    found = _NOT_IN_HEADERS(text)
    if found:
        raise RenderRefused("control_character", f"{what} holds U+{ord(found[0]):04X}")
    return text.strip()


def _body(text: str) -> str:
    try:
        octets = text.encode()
        harmless = len(octets.translate(None, _CONTROLS)) == len(octets)
    except UnicodeEncodeError:
        harmless = False
    # The search takes five times as long as the count, so it only says what was found.
    if not harmless and (found := _NOT_IN_BODIES(text)):
        raise RenderRefused("control_character", f"the text holds U+{ord(found[0]):04X}")
    return text


def _harmless(html: str) -> str:
    """No address of a link or a picture may be a script, whoever wrote it."""
    tags = _TAG.findall(html) if _PERHAPS_SCRIPT(html) else ()
    for name, *quoted in (one for tag in tags for one in _ATTRIBUTE.findall(tag)):
        value = "".join(quoted)
        led_to = name.lower() in _LED_TO and (_IS_SCRIPT(value) or _IS_DATA(value))
        if led_to or (name.lower() in _FETCHED and _IS_SCRIPT(value)):
            detail = f'{name}="{value.strip()[:30]}…" is no address on the web'
            raise RenderRefused("forbidden", detail)
    return html


def _offer_refused(quote: Quote, name: str) -> RenderFailed | None:
    if not quote.lines:
        return RenderFailed(
            "price_not_shown", "an offer must show its total price: {{ price(product) }}", name
        )
    if not any(line.order_link for line in quote.lines):
        return RenderFailed(
            "order_link_not_shown",
            "an offer must say how to order: {{ order_button(product) }} or order_link(product)",
            name,
        )
    return None


def _failed(error: Exception, name: str, templates: TemplateSet) -> RenderFailed:
    if isinstance(error, TemplateSyntaxError):
        return RenderFailed("template_error", str(error.message), error.name or name, error.lineno)
    if isinstance(error, TemplateNotFound):
        return RenderFailed("template_missing", f"there is no {error.name}", name)
    template, line = _place(error.__traceback__, name)
    line = templates.line(template, line)
    reason: Reason
    match error:
        case OutOfTime():
            return RenderFailed(error.reason, error.detail, template, line, out_of_time=True)
        case RenderRefused():
            reason = error.reason
        case UndefinedError():
            reason = "undefined"
        case SecurityError():
            reason = "forbidden"
        case RecursionError():
            return RenderFailed("too_slow", "it calls itself without end", template, line)
        case TemplateError():
            reason = "template_error"
        case _:
            reason = "data_error"
    return RenderFailed(reason, str(error) or type(error).__name__, template, line)


def _place(traceback: TracebackType | None, name: str) -> tuple[str, int]:
    """Where in the templates it happened: the innermost line of the file being rendered or of one
    that it includes, rather than of a shared macro that was given wrong data."""
    place = (name, 0)
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if template is not None and (template.name == name or place[1] == 0):
            place = (template.name, template.get_corresponding_lineno(traceback.tb_lineno))
        traceback = traceback.tb_next
    return place
