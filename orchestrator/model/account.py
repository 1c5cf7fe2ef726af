"""Provider accounts: one plugin behind one of the shop's channels."""

from typing import NamedTuple


class AccountName(NamedTuple):
    """Which account, by the shop's name of the channel and the plugin's own."""

    channel: str
    plugin: str

    def __str__(self) -> str:
        """As people read it: "sms through sms_twilio"."""
        return f"{self.channel} through {self.plugin}"
