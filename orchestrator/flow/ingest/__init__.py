"""What arrives from outside: read, checked, and written in one transaction for each batch."""

from orchestrator.flow.ingest.addresses import address_key, bucket, normal_email, normal_phone
from orchestrator.flow.ingest.batch import ingest, ingest_raw
from orchestrator.flow.ingest.reading import Reader
from orchestrator.flow.ingest.records import KINDS, Batch, Ingested, Kind, Refused, Tally

__all__ = [
    "KINDS",
    "Batch",
    "Ingested",
    "Kind",
    "Reader",
    "Refused",
    "Tally",
    "address_key",
    "bucket",
    "ingest",
    "ingest_raw",
    "normal_email",
    "normal_phone",
]
