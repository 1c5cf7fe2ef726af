"""Which of a customer's addresses each channel uses."""

from collections.abc import Mapping
from types import MappingProxyType

ADDRESS_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "email": "email",
        "sms": "phone",
        "whatsapp": "phone",
        "messenger": "messenger",
        "social": "social",
        "webpush": "webpush",
        "webhook": "url",
        "inbox": "customer",
    }
)
"""Channel → kind of address. A test compares it with `channels.contract.KINDS`."""
