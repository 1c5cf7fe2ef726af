"""The twenty campaigns as a careful person would write them in SQL for PostgreSQL, by hand.

The yardstick for the engine: one roll-up of what each customer did, set aside with everything else
that the campaigns look at, then one statement for each campaign, which marks to whom it has
written. It knows what the engine has to find out: that only these campaigns plan here, that a
customer gets one message of a day, and that nobody shares an address. The hours are the engine's
own, for no SQL knows the rules of a place.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection, sql
from sqlalchemy import Engine

from orchestrator.model.version import Version
from orchestrator.rules.clocks import HOLD, ClockRules, legal_caps
from orchestrator.rules.holdout import PRIME, salts
from orchestrator.store.clocks import all_clocks

_ROLL_UP = """
CREATE TEMP TABLE known AS
WITH hours AS MATERIALIZED (
    SELECT (value ->> 0)::int AS clock_id,
           to_timestamp((value ->> 2)::bigint / 1000000.0) AS email_at,
           to_timestamp((value ->> {sms_at})::bigint / 1000000.0) AS sms_at
    FROM jsonb_array_elements({clock_rows}::jsonb) AS value
), did AS (
    SELECT customer_id,
        max(at) FILTER (WHERE name = 'Order Completed') AS last_order,
        min(at) FILTER (WHERE name = 'Order Completed') AS first_order,
        max(at) FILTER (WHERE name = 'Page Viewed') AS last_view,
        count(*) FILTER (WHERE name = 'Order Completed') AS orders,
        count(*) FILTER (WHERE name = 'Order Completed' AND at > {now} - interval '168 h')
            AS orders_7,
        count(*) FILTER (WHERE name = 'Order Completed' AND at > {now} - interval '336 h')
            AS orders_14,
        count(*) FILTER (WHERE name = 'Order Completed' AND at > {now} - interval '1080 h')
            AS orders_45,
        count(*) FILTER (WHERE name = 'Page Viewed' AND at > {now} - interval '720 h') AS views_30
    FROM events WHERE name IN ('Order Completed', 'Page Viewed') AND at <= {now}
    GROUP BY customer_id
), spent AS (
    SELECT customer_id,
        sum(total) FILTER (WHERE at > {now} - interval '1440 h') AS sum_60,
        sum(total) AS sum_90,
        count(*) FILTER (WHERE total >= 60 AND at > {now} - interval '720 h') AS big_30,
        count(*) FILTER (WHERE total >= 60) AS big_90,
        max(at) FILTER (WHERE total >= 60) AS last_big,
        count(*) FILTER (WHERE coupon) AS coupons_90
    FROM (SELECT customer_id, at, (properties ->> 'total')::float AS total,
                 (properties ->> 'coupon_used')::boolean AS coupon
          FROM events
          WHERE name = 'Order Completed' AND at > {now} - interval '2160 h' AND at <= {now}
          OFFSET 0) AS orders
    GROUP BY customer_id
), read AS (
    SELECT customer_id, count(DISTINCT theme) AS themes_30,
        max(at) FILTER (WHERE theme = 'coffee and tea') AS last_themed
    FROM (SELECT customer_id, at, properties ->> 'theme' AS theme
          FROM events
          WHERE name = 'Page Viewed' AND at > {now} - interval '720 h' AND at <= {now}
          OFFSET 0) AS views
    GROUP BY customer_id
), agreed AS (
    SELECT customer_id,
        bool_or(given) FILTER (WHERE channel = 'email' AND topic = '*') AS email,
        bool_or(NOT given) FILTER (WHERE channel = 'email' AND topic = 'offers') AS no_offers,
        bool_or(given) FILTER (WHERE channel = 'sms' AND topic = '*') AS sms
    FROM consents
    WHERE at <= {now} AND (until IS NULL OR until > {now})
    GROUP BY customer_id
), had AS (
    SELECT customer_id, max(counts_at) AS last_at,
        max(counts_at) FILTER (WHERE campaign = 'summer') AS last_summer
    FROM messages
    WHERE marketing AND counts_at > {now} - interval '15 days'
      AND state IN ('sending', 'unknown', 'accepted', 'delivered', 'bounced', 'complained',
                    'unknown_final')
    GROUP BY customer_id
)
SELECT customers.id, bucket, preferred_channel, max_per_week,
    (traits ->> 'kids_count')::float AS kids, (traits ->> 'household_size')::float AS household,
    (traits ->> 'home_owner')::boolean AS owner, (traits ->> 'billing_day')::float AS billing_day,
    last_order, first_order, last_view, coalesce(orders, 0) AS orders,
    coalesce(orders_7, 0) AS orders_7, coalesce(orders_14, 0) AS orders_14,
    coalesce(orders_45, 0) AS orders_45, coalesce(views_30, 0) AS views_30,
    coalesce(sum_60, 0) AS sum_60, coalesce(sum_90, 0) AS sum_90, coalesce(big_30, 0) AS big_30,
    coalesce(big_90, 0) AS big_90, last_big, coalesce(coupons_90, 0) AS coupons_90,
    coalesce(themes_30, 0) AS themes_30, last_themed, last_summer,
    email_at, sms_at,
    by_email.address AS email, by_email.address_key AS email_key,
    by_phone.address AS phone, by_phone.address_key AS phone_key,
    agreed.email AND by_email.address IS NOT NULL AND bad_email.address_key IS NULL
        AND coalesce(last_at <= email_at - interval '86415 s', true)
        AND coalesce(max_per_week > 1 OR last_at <= email_at - interval '604815 s', true)
        AS by_email,
    coalesce(no_offers, false) AS no_offers,
    agreed.sms AND by_phone.address IS NOT NULL AND bad_phone.address_key IS NULL
        AND coalesce(last_at <= sms_at - interval '86415 s', true)
        AND coalesce(max_per_week > 1 OR last_at <= sms_at - interval '604815 s', true)
        AS by_sms
FROM customers
JOIN agreed ON agreed.customer_id = customers.id
LEFT JOIN hours ON hours.clock_id = customers.clock_id
LEFT JOIN did ON did.customer_id = customers.id
LEFT JOIN spent ON spent.customer_id = customers.id
LEFT JOIN read ON read.customer_id = customers.id
LEFT JOIN had ON had.customer_id = customers.id
LEFT JOIN addresses AS by_email ON by_email.customer_id = customers.id AND by_email.kind = 'email'
LEFT JOIN addresses AS by_phone ON by_phone.customer_id = customers.id AND by_phone.kind = 'phone'
LEFT JOIN (SELECT DISTINCT address_key FROM suppressions) AS bad_email
    ON bad_email.address_key = by_email.address_key
LEFT JOIN (SELECT DISTINCT address_key FROM suppressions) AS bad_phone
    ON bad_phone.address_key = by_phone.address_key
"""

AUDIENCES = (
    "last_order <= {now} - interval '720 h' AND kids >= 1",
    "last_order <= {now} - interval '600 h'"
    " AND coalesce(last_view <= {now} - interval '720 h', true)",
    "orders >= 40",
    "orders_14 >= 6",
    "sum_60 > 900",
    "big_30 >= 3",
    "last_themed > {now} - interval '336 h' AND orders_7 >= 2",
    "last_view > {now} - interval '48 h'"
    " AND coalesce(last_order <= {now} - interval '720 h', true)",
    "first_order > {now} - interval '1920 h'"
    " AND coalesce(last_order <= {now} - interval '336 h', true)",
    "coupons_90 >= 3 AND coalesce(last_order <= {now} - interval '240 h', true)",
    "themes_30 >= 6",
    "kids >= 1 AND last_order > {now} - interval '24 h'",
    "last_big > {now} - interval '1440 h' AND household >= 5"
    " AND coalesce(last_view <= {now} - interval '504 h', true)",
    "owner AND views_30 >= 8",
    "last_themed > {now} - interval '24 h' AND household <= 2",
    "orders_45 = 1 AND last_view > {now} - interval '168 h'",
    "billing_day = 21 AND coalesce(last_order <= {now} - interval '168 h', true)",
    "sum_90 < 50 AND coalesce(last_view <= {now} - interval '1080 h', true)",
    "last_view > {now} - interval '12 h' AND last_order > {now} - interval '72 h'"
    " AND coalesce(last_summer <= {now} - interval '240 h', true)",
    "last_big > {now} - interval '24 h' AND big_90 >= 2",
)

_CAMPAIGN = """
WITH open AS (
    SELECT known.*,
        known.by_email AND NOT ({offers} AND no_offers)
            AND email_at + {hold} < {due_at} + interval '48 h' AS email_ok,
        {two_ways} AND known.by_sms AND sms_at + {hold} < {due_at} + interval '48 h' AS sms_ok
    FROM known
    WHERE ({audience}) AND NOT EXISTS (SELECT 1 FROM taken WHERE taken.id = known.id)
), chosen AS (
    SELECT *, CASE WHEN preferred_channel = 'sms' AND sms_ok THEN 'sms'
                   WHEN email_ok THEN 'email' ELSE 'sms' END AS way,
        (bucket::bigint * {factor}::bigint + {shift}::bigint) % 2147483647 < {below} AS held
    FROM open
    WHERE email_ok OR sms_ok
), timed AS (
    SELECT *, CASE way WHEN 'sms' THEN sms_at ELSE email_at END AS opens_at FROM chosen
), written AS (
    INSERT INTO messages (campaign, version, step, marketing, topic, priority, customer_id,
        occasion, channel, state, reason, address, address_key, due_at, planned_at, send_after,
        expires_at, counts_at, ended_at)
    SELECT {campaign}, {version}, 0, true, {topic}, {priority}, id, {occasion}, way,
        CASE WHEN held THEN 'held_out' ELSE 'planned' END, CASE WHEN held THEN 'holdout' END,
        CASE way WHEN 'sms' THEN phone ELSE email END,
        CASE way WHEN 'sms' THEN phone_key ELSE email_key END,
        {due_at}, {now}, send_after, {due_at} + interval '48 h', send_after,
        CASE WHEN held THEN {now} END
    FROM (SELECT *, opens_at AS send_after FROM timed) AS at
    ON CONFLICT DO NOTHING
    RETURNING customer_id, state
)
INSERT INTO taken SELECT customer_id FROM written WHERE state = 'planned'
"""


def plan_by_hand(
    engine: Engine, versions: Sequence[Version], now: datetime, hours: ClockRules
) -> None:
    """Plan all campaigns, in one transaction; `versions` are in the order of arbitration."""
    with engine.connect() as connection:
        raw: Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
        with raw.transaction():
            for setting in ("work_mem = '256MB'", "max_parallel_workers_per_gather = 2"):
                raw.execute(sql.SQL("SET LOCAL " + setting))
            rows = hours.parameter(now, all_clocks(connection))
            before = len(("clock", "day", "opens", "closes"))
            sms_at = before + len(legal_caps(hours.law, "email"))
            given = {"now": now, "clock_rows": rows, "sms_at": sms_at}
            raw.execute(sql.SQL(_ROLL_UP).format(**_literals(given)))
            raw.execute("ANALYZE known (id)")
            raw.execute("CREATE TEMP TABLE taken (id bigint PRIMARY KEY)")
            for version in versions:
                raw.execute(_statement(version, now))
            raw.execute("DROP TABLE known, taken")


def _literals(values: Mapping[str, Any]) -> dict[str, sql.Literal]:
    return {name: sql.Literal(value) for name, value in values.items()}


def _statement(version: Version, now: datetime) -> sql.Composed:
    campaign = version.campaign
    number = int(version.name.removeprefix("number-"))
    factor, shift = salts(version.name)
    return sql.SQL(_CAMPAIGN).format(
        audience=sql.SQL(AUDIENCES[number - 1]).format(now=sql.Literal(now)),
        **_literals(
            {
                "offers": campaign.topic == "offers",
                "two_ways": bool(number % 2),
                "due_at": now.replace(hour=17),
                "now": now,
                "hold": HOLD,
                "factor": factor,
                "shift": shift,
                "below": int(PRIME * (campaign.holdout or 0) / 100),
                "campaign": version.name,
                "version": version.digest,
                "topic": campaign.topic,
                "priority": campaign.priority,
                "occasion": "slot:2017-11-21T12:00",
            }
        ),
    )
