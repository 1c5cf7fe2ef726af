"""What was told last counts, whatever arrives last."""

from orchestrator.flow.ingest.records import LOCAL_PHONE, CustomerRecord


def newer(record: CustomerRecord, told: dict[str, int]) -> CustomerRecord:
    """The record without the words of which something later is known.

    `told`: when each word was told, in microseconds, as far as somebody said so; it is brought up
    to date. A record without a time, as from a file, replaces what is there, and may be replaced.
    """
    names = {*record.given, *record.addresses, *record.traits} - {LOCAL_PHONE}
    at = record.at
    if at is None:
        for name in names & told.keys():
            del told[name]
        return record
    late = {name for name in names if told.get(name, at) > at}
    told.update(dict.fromkeys(names - late, at))
    if not late:
        return record
    if "phone" in late:
        late.add(LOCAL_PHONE)
    given, addresses, traits = (
        {name: value for name, value in words.items() if name not in late}
        for words in (record.given, record.addresses, record.traits)
    )
    return record._replace(given=given, addresses=addresses, traits=traits)
