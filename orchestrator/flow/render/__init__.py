"""Rendering: personal messages with clear prices, in a sandbox.

context      what templates see                  render     subject, html, text, or a reason
templates    a campaign's files, compiled once   money_text the only way to print money
sandbox      what templates cannot do            checks     what is wrong with a file before a send
"""

from orchestrator.flow.render.context import (
    MessageContext,
    campaign_context,
    message_context,
    product_context,
)
from orchestrator.flow.render.render import Rendered, RenderFailed, render_email, render_text
from orchestrator.flow.render.state import RenderLimits
from orchestrator.flow.render.templates import TemplateSet

__all__ = [
    "MessageContext",
    "RenderFailed",
    "RenderLimits",
    "Rendered",
    "TemplateSet",
    "campaign_context",
    "message_context",
    "product_context",
    "render_email",
    "render_text",
]
