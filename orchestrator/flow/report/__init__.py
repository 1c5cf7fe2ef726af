"""What came of it: sent, not sent and why, cost, and the gain over those who were left out.

report    the sums      lift    the gain, with its interval
"""

from orchestrator.flow.report.lift import Arm, Lift, lift
from orchestrator.flow.report.report import (
    CampaignReport,
    NotSent,
    OnChannel,
    Reached,
    Report,
    report,
)

__all__ = [
    "Arm",
    "CampaignReport",
    "Lift",
    "NotSent",
    "OnChannel",
    "Reached",
    "Report",
    "lift",
    "report",
]
