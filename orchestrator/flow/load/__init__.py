"""From files to campaigns: everything read, checked, and told with its place.

load        the whole of `campaigns/` and `templates/`       revive     a stored version again
folder      what stands in the folders                       text       bytes to text
read        YAML to values with places                       scalars    what an unquoted word is
grammar     the YAML parser's complaints                     problems   pydantic's complaints
document    a file as a model                                shape      the models' own shape
names       does it exist?                                   values     may this be asked of it?
conditions  every piece of a campaign that names something   events     events and products
sending     channels, caps, limits, offers                   segments   definitions in a circle
shop        `shop.yaml`                                      files      which templates it needs
schema      the same for editors                             written    how fields are written
templates   what is in them                                  promised   the price, and how to order
properties  what they say of the trigger's event
"""

from orchestrator.flow.load.load import Loaded, load
from orchestrator.flow.load.revive import revive, revive_settings
from orchestrator.flow.load.schema import campaign_schema, shop_schema

__all__ = ["Loaded", "campaign_schema", "load", "revive", "revive_settings", "shop_schema"]
