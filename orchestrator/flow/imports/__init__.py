"""Files and streams of records into the database."""

from orchestrator.flow.imports.importer import (
    BATCH_ROWS,
    ImportReport,
    OnNews,
    OnProgress,
    Progress,
    import_file,
    import_records,
)

__all__ = [
    "BATCH_ROWS",
    "ImportReport",
    "OnNews",
    "OnProgress",
    "Progress",
    "import_file",
    "import_records",
]
