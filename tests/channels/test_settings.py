"""Where settings may come from: secrets never from YAML."""

from pathlib import Path

import pytest

from channels.email_smtp import SmtpChannel, SmtpSettings
from channels.settings import SettingProblem, load_settings

YAML = {"host": "mail.example.com", "login": "shop"}


def problems(written: dict[str, object], environ: dict[str, str]) -> dict[str, SettingProblem]:
    loaded = load_settings(SmtpChannel, written, environ)
    assert isinstance(loaded, list)
    return {problem.field: problem for problem in loaded}


def settings(written: dict[str, object], environ: dict[str, str]) -> SmtpSettings:
    loaded = load_settings(SmtpChannel, written, environ)
    assert isinstance(loaded, SmtpSettings)
    return loaded


def test_a_secret_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("pass word \n")
    for environ in (
        {"TACTFUL_EMAIL_SMTP_PASSWORD": "pass word "},
        {"TACTFUL_EMAIL_SMTP_PASSWORD_FILE": str(file)},
    ):
        password = settings(dict(YAML), environ).password
        assert password is not None
        assert password.get_secret_value() == "pass word "


def test_a_secret_in_yaml_is_refused_and_not_repeated() -> None:
    problem = problems({**YAML, "password": "hunter2"}, {})["password"]
    assert "TACTFUL_EMAIL_SMTP_PASSWORD" in problem.fix
    assert "hunter2" not in repr(problem)
    # Nor does the right one beside it make the wrong place right.
    assert "password" in problems(
        {**YAML, "password": "hunter2"}, {"TACTFUL_EMAIL_SMTP_PASSWORD": "other"}
    )


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    for content in (None, b"\xff\xfe", b"x" * 70_000):
        file = tmp_path / "password"
        if content is not None:
            file.write_bytes(content)
        found = problems(dict(YAML), {"TACTFUL_EMAIL_SMTP_PASSWORD_FILE": str(file)})
        assert "PASSWORD_FILE" in found["password"].what


def test_two_sources_of_one_secret_are_refused() -> None:
    variable = "TACTFUL_EMAIL_SMTP_PASSWORD"
    assert "both" in problems(dict(YAML), {variable: "a", f"{variable}_FILE": "b"})["password"].what


def test_the_environment_wins_over_yaml_for_the_rest() -> None:
    environ = {"TACTFUL_EMAIL_SMTP_HOST": "localhost", "TACTFUL_EMAIL_SMTP_PORT": "2525"}
    loaded = settings({"host": "mail.example.com"}, environ)
    assert (loaded.host, loaded.port) == ("localhost", 2525)


def test_all_problems_come_at_once() -> None:
    found = problems({"hots": "x", "port": 0, "tls": "perhaps"}, {})
    assert found.keys() == {"hots", "host", "port", "tls"}
    assert "timeout_s" in found["hots"].fix


@pytest.mark.parametrize(
    "wrong",
    [
        {"login": None},
        {"tls": "none"},
        {"bounce_address": "nobody"},
        {"timeout_s": 0},
        {"host": "a..example.com"},
        {"host": "mail.example.com\n"},
        {"helo_name": "x\r\nMAIL FROM:<eve@example.com>"},
    ],
)
def test_settings_that_contradict_each_other_are_told(wrong: dict[str, object]) -> None:
    environ = {"TACTFUL_EMAIL_SMTP_PASSWORD": "hunter2"}
    assert settings(dict(YAML), environ).login == "shop"
    found = problems({**YAML, **wrong}, environ)
    assert found
    assert "hunter2" not in repr(found)


def test_what_several_settings_are_at_fault_for_is_told_in_our_words() -> None:
    (problem,) = problems({"host": "mail.example.com", "login": "shop"}, {}).values()
    assert (problem.field, problem.what) == ("", "login and password go together")
    assert str(problem) == "login and password go together"


def test_what_one_setting_is_at_fault_for_names_it() -> None:
    told = str(problems({}, {})["host"])
    assert told.startswith("host: ")
