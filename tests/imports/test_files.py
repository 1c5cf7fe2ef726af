"""Files of every form into the database: what is good is kept, what is bad is named."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from orchestrator.flow.imports import ImportReport, Progress, import_file, import_records
from orchestrator.model.errors import WrongUse
from tests.ingest.stage import NOW, SHOP, everything, fresh, rows

pytestmark = pytest.mark.usefixtures("databases")

EVENT = {"id": "e{}", "name": "Page Viewed", "customer": "c{}", "at": "2017-10-01T10:00:00Z"}


def take(engine: Engine, path: Path, kind: str = "customers", rows: int = 5_000) -> ImportReport:
    return import_file(engine, kind, path, shop=SHOP, now=NOW, batch_rows=rows)


def counts(report: ImportReport) -> tuple[int, int, int, int, int]:
    return report.read, report.new, report.changed, report.same, report.rejected


def refused(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def events(number: int) -> list[dict[str, str]]:
    return [{k: v.format(n) for k, v in EVENT.items()} for n in range(number)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_as_spreadsheets_write_it(tmp_path: Path, delimiter: str, mark: str, end: str) -> None:
    lines = (
        ["id", "E-Mail", "likes"],
        ["ann", "ann@example.com", '"a, ""b"" ; c"'],
        [],
        ["bob", "", ""],
    )
    text = mark + end.join(delimiter.join(line) for line in lines) + end
    engine = fresh()
    report = take(engine, write(tmp_path, "people.csv", text))
    assert counts(report) == (2, 2, 0, 0, 0)
    assert rows(engine, "addresses", "address") == [("ann@example.com",)]
    assert report.notes == ("'E-Mail' is read as 'email' (1×)",)
    assert report.reject_file is None


def test_a_field_may_hold_line_ends_and_rows_after_it_keep_their_lines(tmp_path: Path) -> None:
    text = 'id,likes\nann,"tea,\ncoffee"\nbob,"one\ntwo\nthree"\n,lost\n'
    engine = fresh()
    report = take(engine, write(tmp_path, "people.csv", text))
    assert [(one.line, one.reason) for one in report.first_refused] == [(7, "id is missing")]
    assert rows(engine, "customers", "traits")[1] == ({"likes": ["tea", "coffee"]},)


def test_rejected_rows_stand_in_a_file_that_can_be_mended_and_imported(tmp_path: Path) -> None:
    engine = fresh()
    path = write(tmp_path, "people.csv", "id,kids\nann,two\nbob,1\ncid,1,2\n")
    report = take(engine, path)
    assert counts(report) == (3, 1, 0, 0, 2)
    assert report.reject_file == tmp_path / "people.csv.rejected.csv"
    assert refused(report.reject_file) == [
        ["line", "reason", "id", "kids"],
        ["2", "kids must be a number, not 'two'", "ann", "two"],
        ["4", "3 cells where the header has 2", "cid", "1", "2"],
    ]
    write(tmp_path, "people.csv", "id,kids\nann,2\nbob,1\ncid,1\n")
    assert counts(take(engine, path)) == (3, 2, 0, 1, 0)
    assert not report.reject_file.exists()


def test_a_quote_left_open_costs_its_own_line_only(tmp_path: Path) -> None:
    text = 'id,kids\nann,1\nbob,"2\ncid,3\ndan,4\n'
    engine = fresh()
    report = take(engine, write(tmp_path, "people.csv", text))
    assert [one.line for one in report.first_refused] == [3]
    assert [key for (key,) in rows(engine, "customers", "key")] == ["ann", "cid", "dan"]


def test_bytes_that_are_no_text_cost_their_own_row_only(tmp_path: Path) -> None:
    content = b"id,kids\nann,1\nb\xe9b,2\ncid,3\nd\0d,4\n"
    report = take(engine := fresh(), write(tmp_path, "people.csv", content))
    assert [(one.line, one.reason.split(";")[0]) for one in report.first_refused] == [
        (3, "not UTF-8"),
        (5, "has a NUL character, or is too long"),
    ]
    assert len(rows(engine, "customers")) == 2


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("people.csv", "", "the file is empty"),
        ("people.csv", "id,,kids\n", "column 2 has no name"),
        (
            "people.csv",
            "id,email\nann,ann@example.com\n".encode("utf-16"),
            "save the file as UTF-8",
        ),
        ("people.csv", "id,größe\nann,3\n".encode("cp1252"), "save the file as UTF-8"),
        ("people.csv", "id,kids,id\n", "column 'id' is there twice"),
        ("people.xlsx", "", "cannot tell the format"),
        ("people.parquet", "no", "is not a parquet file"),
        ("people.jsonl.gz", "no", "compressed file is damaged"),
    ],
)
def test_a_file_that_is_none_is_said_to_be_so(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    path = write(tmp_path, name, content)
    engine = fresh()
    with pytest.raises(WrongUse, match=reason):
        take(engine, path)


def test_a_file_that_is_not_there_and_a_kind_that_is_not_known(tmp_path: Path) -> None:
    engine = fresh()
    with pytest.raises(WrongUse, match="no such file"):
        take(engine, tmp_path / "people.csv")
    with pytest.raises(WrongUse, match='did you mean "customers"'):
        take(engine, tmp_path / "people.csv", "costumers")


@pytest.mark.parametrize("name", ["e.jsonl", "e.ndjson", "e.jsonl.gz"])
def test_json_lines_with_their_bad_ones(tmp_path: Path, name: str) -> None:
    good = [json.dumps(event) for event in events(3)]
    text = "\ufeff" + "\n".join([good[0], "{", "", "[1]", good[1], '"x"', good[2]])
    content = gzip.compress(text.encode()) if name.endswith(".gz") else text
    engine = fresh()
    report = take(engine, write(tmp_path, name, content), "events")
    assert counts(report) == (6, 3, 0, 0, 3)
    assert [one.line for one in report.first_refused] == [2, 4, 6]
    assert report.reject_file is not None
    written = refused(report.reject_file)
    assert [[row[0], row[2]] for row in written] == [
        ["line", "row"],
        ["2", "{"],
        ["4", "[1]"],
        ["6", '"x"'],
    ]


def test_a_line_without_end_is_refused_and_not_kept(tmp_path: Path) -> None:
    good = [json.dumps(event).encode() for event in events(2)]
    content = good[0] + b"\n" + b"x" * (3 * 1024 * 1024) + b"\n" + good[1]
    engine = fresh()
    report = take(engine, write(tmp_path, "e.jsonl", content), "events")
    assert [(one.line, one.reason) for one in report.first_refused] == [
        (2, "longer than 1048576 bytes")
    ]
    assert report.new == 2


def test_columns_of_a_csv_of_events_become_properties(tmp_path: Path) -> None:
    text = (
        "event_id,event,customer_id,timestamp,total,store,properties\n"
        'o1,Order Completed,ann,2017-10-01T10:00:00Z,12.50,7,"{""coupon"": true}"\n'
    )
    engine = fresh()
    assert take(engine, write(tmp_path, "e.csv", text), "events").new == 1
    assert rows(engine, "events", "properties") == [
        ({"coupon": True, "total": 12.5, "store": "7"},)
    ]


def test_parquet_has_the_same_columns(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "p.parquet"
    table = pa.Table.from_pylist([{"id": "a", "kids": 1}, {"id": None, "kids": 2}])
    parquet.write_table(table, path)
    engine = fresh()
    report = take(engine, path)
    assert counts(report) == (2, 1, 0, 0, 1)
    assert [one.line for one in report.first_refused] == [2]
    assert refused(tmp_path / "p.parquet.rejected.csv")[1][2] == '{"id":null,"kids":2}'


@pytest.mark.parametrize("batch", [1, 3, 1000])
def test_imported_twice_is_imported_once_whatever_the_batches(tmp_path: Path, batch: int) -> None:
    lines = [json.dumps(event) for event in [*events(7), *events(2), {"id": "no"}]]
    path = write(tmp_path, "e.jsonl", "\n".join(lines))
    engine = fresh(f"sqlite:///{tmp_path / 'tactful.db'}")
    assert counts(take(engine, path, "events", batch)) == (10, 7, 0, 2, 1)
    before = everything(engine)
    assert counts(take(engine, path, "events", batch)) == (10, 0, 0, 9, 1)
    assert everything(engine) == before
    engine.dispose()


def test_an_import_that_was_cut_off_is_simply_started_again(tmp_path: Path) -> None:
    engine = fresh(f"sqlite:///{tmp_path / 'tactful.db'}")

    class CutOff(Exception):
        pass

    def records():  # type: ignore[no-untyped-def]
        yield from events(5)
        raise CutOff

    with pytest.raises(CutOff):
        import_records(engine, "events", records(), shop=SHOP, now=NOW, batch_rows=2)
    assert len(rows(engine, "events")) == 4
    again = import_records(engine, "events", events(6), shop=SHOP, now=NOW, batch_rows=2)
    assert counts(again) == (6, 2, 0, 4, 0)
    engine.dispose()


def test_indexes_are_there_after_an_import_and_after_one_that_broke(tmp_path: Path) -> None:
    from sqlalchemy import inspect

    engine = fresh()
    expected = {index["name"] for index in inspect(engine).get_indexes("event_products")}
    with pytest.raises(ZeroDivisionError):
        import_records(engine, "events", (1 / 0 for _ in "x"), shop=SHOP, now=NOW)  # type: ignore[misc]
    import_records(engine, "events", events(2), shop=SHOP, now=NOW)
    assert {index["name"] for index in inspect(engine).get_indexes("event_products")} == expected
    assert expected


def test_progress_is_told_in_rows_and_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, "e.jsonl", "\n".join(json.dumps(event) for event in events(5)))
    told: list[Progress] = []
    import_file(fresh(), "events", path, shop=SHOP, now=NOW, progress=told.append, batch_rows=2)
    assert [one.rows for one in told] == [2, 4, 5]
    assert told[-1].bytes_read == told[-1].bytes_total == path.stat().st_size


LINES = st.lists(
    st.one_of(
        st.integers(0, 5).map(lambda n: f"good{n},{n}".encode()),
        st.binary(max_size=12).filter(lambda line: b"\n" not in line and b"\r" not in line),
        st.text('",;ab1\0', max_size=10).map(str.encode),
    ),
    max_size=12,
)


@given(LINES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_whatever_the_lines_are_every_good_one_is_taken(tmp_path: Path, lines: list[bytes]) -> None:
    engine = fresh()
    path = write(tmp_path, "fuzz.csv", b"\n".join([b"id,kids", *lines]) + b"\n")
    report = take(engine, path, rows=4)
    assert report.read == report.new + report.changed + report.same + report.rejected
    kept = {key for (key,) in rows(engine, "customers", "key")}
    # A quote may rightly hold a line within a field; where none is near, nothing may be lost.
    if not any(b'"' in line for line in lines):
        assert {line.split(b",")[0].decode() for line in lines if line.startswith(b"good")} <= kept
    engine.dispose()


@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(
                        [
                            "id",
                            "name",
                            "customer",
                            "at",
                            "properties",
                            "products",
                            "x",
                            "amount",
                            "given",
                            "email",
                            "phone",
                            "quiet_from",
                            "stock",
                            "title",
                            "traits",
                        ]
                    ),
                    inner,
                    max_size=5,
                )
            ),
            max_leaves=8,
        ),
        max_size=5,
    ),
    st.sampled_from(["customers", "products", "prices", "stock", "consents", "events"]),
)
@settings(max_examples=150)
def test_no_record_whatever_it_is_breaks_an_import(records: list[object], kind: str) -> None:
    report = import_records(_SHARED, kind, records, shop=SHOP, now=NOW)  # type: ignore[arg-type]
    assert report.read == len(records)
    assert report.read == report.new + report.changed + report.same + report.rejected


_SHARED = fresh()
