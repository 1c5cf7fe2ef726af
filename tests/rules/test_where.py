"""`where` against the oracle: the same customers, whether asked of all or of one."""

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine

from tests.rules.oracle import Person, holds
from tests.rules.population import empty, matched, matched_aside, settle
from tests.rules.strategies import NOW, conditions, known_segments, populations
from tests.support.databases import Databases

EXAMPLES = int(os.environ.get("TACTFUL_EXAMPLES", "40"))


@pytest.fixture(scope="module")
def engine(module_databases: Databases) -> Engine:
    return empty()


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(population=populations(), asked=conditions(), known=known_segments())
def test_where_agrees_with_the_oracle_for_everyone_and_for_each(
    engine: Engine, population: list[Person], asked: list[Any], known: dict[str, Any]
) -> None:
    settle(engine, population)
    for said in asked:
        answers = {who.key: holds(said, who, NOW, known) for who in population}
        expected = {key for key, answer in answers.items() if answer is True}
        assert matched(engine, said, NOW, known) == expected
        alone = [matched(engine, said, NOW, known, ids=[n + 1]) for n in range(len(population))]
        assert set().union(*alone) == expected
        opposite = {key for key, answer in answers.items() if answer is False}
        assert matched(engine, {"none": [said]}, NOW, known) == opposite


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(population=populations(), asked=conditions(), known=known_segments())
def test_facts_that_are_set_aside_give_the_answers_of_those_that_are_looked_up(
    engine: Engine, population: list[Person], asked: list[Any], known: dict[str, Any]
) -> None:
    settle(engine, population)
    asked += [{"none": [said]} for said in asked]
    assert matched_aside(engine, asked, NOW, known) == [
        {who.key for who in population if holds(said, who, NOW, known) is True} for said in asked
    ]
