"""What planning would come to: who, what, when, at what cost; who not, and why.

moments    when it looks                 sample     some messages rendered, and what all cost
forecast   the planning, in a transaction that is undone
agreeing   approving of it, once it was looked at
apart      where it holds up nobody
"""

from orchestrator.flow.forecast.agreeing import agree
from orchestrator.flow.forecast.apart import apart
from orchestrator.flow.forecast.forecast import CampaignForecast, Forecast, NotSent, forecast
from orchestrator.flow.forecast.moments import Look
from orchestrator.flow.forecast.sample import Estimate, Sample

__all__ = [
    "CampaignForecast",
    "Estimate",
    "Forecast",
    "Look",
    "NotSent",
    "Sample",
    "agree",
    "apart",
    "forecast",
]
