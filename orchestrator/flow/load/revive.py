"""Versions from the texts that were stored when they were checked: what was sent, and why."""

from collections.abc import Mapping

from orchestrator.flow.load.conditions import fit_values
from orchestrator.flow.load.digest import digest
from orchestrator.flow.load.folder import CAMPAIGN_FILE, CAMPAIGNS, SHOP_FILE
from orchestrator.flow.load.names import Names
from orchestrator.flow.load.read import read_yaml
from orchestrator.model.campaign import Campaign
from orchestrator.model.shop import Shop
from orchestrator.model.version import Settings, Version


def revive_settings(files: Mapping[str, str]) -> Settings:
    """The settings of stored files, unchecked. Raises pydantic's error if they never were right."""
    document = read_yaml(files[SHOP_FILE], f"{CAMPAIGNS}/{SHOP_FILE}")
    shop = Shop.model_validate(document.value)
    shop, _ = fit_values(shop, Names(shop))
    return Settings(digest(files), shop, files, document.written())


def revive(name: str, files: Mapping[str, str], settings: Settings) -> Version:
    """The version of stored files, unchecked. Raises pydantic's error if they never were right."""
    document = read_yaml(files[CAMPAIGN_FILE], f"{CAMPAIGNS}/{name}/{CAMPAIGN_FILE}")
    campaign = Campaign.model_validate({**document.value, "name": name})
    campaign, _ = fit_values(campaign, Names(settings.shop))
    address = digest(files, name, settings.digest)
    return Version(address, campaign, settings, files, document.written())
