"""A worker's batch and a real ledger: one delivery's trouble is not its neighbours', and nothing is tried for ever."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from botocore.exceptions import EndpointConnectionError
from sqlalchemy import text

from footprints import ledger, work
from footprints.errors import ConfigurationError
from footprints.ledger import LandedObject
from footprints.settings import Settings
from footprints.warehouse.engine import engine
from footprints.warehouse.migrate import libpq_url

pytestmark = pytest.mark.integration

SECRET = "Amina Diallo"


@pytest.fixture
def three(platform: Settings) -> list[int]:
    """Three waiting deliveries, and no others."""
    with psycopg.connect(libpq_url(platform.need("warehouse_owner_url")), autocommit=True) as connection:
        connection.execute("TRUNCATE meta.delivery CASCADE")
    with engine(platform.need("warehouse_url")).begin() as connection:
        keys = [f"landing/iom/flows/{n}-{secrets.token_hex(2)}.csv" for n in range(3)]
        return [ledger.enrol(connection, LandedObject("b", key, "e@1", 1), "webhook") or 0 for key in keys]


def finish(delivery_id: int, settings: Settings) -> None:
    with engine(settings.need("warehouse_url")).begin() as connection:
        ledger.finish(connection, delivery_id, "quarantined")


def failing_on(culprit: int, error: Exception):
    def handle(delivery_id: int, settings: Settings) -> None:
        if delivery_id == culprit:
            raise error
        finish(delivery_id, settings)

    return handle


def rows(settings: Settings) -> dict[int, tuple]:
    with engine(settings.need("warehouse_url")).connect() as connection:
        found = connection.execute(text("SELECT delivery_id, state, n_attempts, claimed_by, reason FROM meta.delivery"))
        return {row[0]: tuple(row[1:]) for row in found}


def end_pause(settings: Settings) -> None:
    with engine(settings.need("warehouse_url")).begin() as connection:
        connection.execute(
            text(
                "UPDATE meta.delivery SET claimed_at = claimed_at - make_interval(secs => :s)"
                " WHERE claimed_by = 'pause'"
            ),
            {"s": work.PAUSE_SECONDS},
        )


def test_error_of_ours_does_not_stop_the_neighbours(platform, three, caplog):
    batches = work.claim(platform, "run 1")
    assert batches == [three]
    worked = work.process(three, platform, "run 1", failing_on(three[1], ValueError(f"invalid literal: {SECRET}")))
    assert worked.states == {"quarantined": 2, "received": 1}
    assert worked.errors == (three[1],)
    with pytest.raises(work.WorkError):
        worked.states_or_raise()
    assert "ValueError" in caplog.text
    assert "test_work.py" in caplog.text
    assert SECRET not in caplog.text


def test_it_is_left_alone_for_a_while_and_then_tried_again(platform, three):
    work.claim(platform, "run 1")
    work.process(three, platform, "run 1", failing_on(three[1], ValueError()))
    assert work.claim(platform, "run 2") == []
    end_pause(platform)
    assert work.claim(platform, "run 2") == [[three[1]]]
    work.process([three[1]], platform, "run 2", finish)
    assert rows(platform)[three[1]][:2] == ("quarantined", 2)


def test_it_is_given_up_after_the_third_attempt(platform, three):
    for n in range(work.MAX_ATTEMPTS):
        end_pause(platform)
        for batch in work.claim(platform, f"run {n}"):
            work.process(batch, platform, f"run {n}", failing_on(three[0], ValueError(SECRET)))
    assert rows(platform)[three[0]] == ("failed", 3, None, "ValueError in each of 3 attempts")
    assert work.states(platform, three) == {"failed": 1, "quarantined": 2}


@pytest.mark.parametrize(
    "outage", [EndpointConnectionError(endpoint_url="http://x"), psycopg.OperationalError(), ConnectionRefusedError()]
)
def test_outage_costs_no_attempt(platform, three, outage):
    for n in range(work.MAX_ATTEMPTS + 2):
        end_pause(platform)
        for batch in work.claim(platform, f"run {n}"):
            work.process(batch, platform, f"run {n}", failing_on(three[0], outage))
    assert rows(platform)[three[0]] == ("received", 0, "pause", None)


def test_delivery_that_kills_its_worker_is_given_up(platform, three):
    def killed(delivery_id: int, settings: Settings) -> None:
        raise KeyboardInterrupt

    for n in range(work.MAX_ATTEMPTS):
        work.claim(platform, f"run {n}")
        with pytest.raises(KeyboardInterrupt):
            work.process(three, platform, f"run {n}", killed)
        assert work.release(platform, f"run {n}") == 3
    work.claim(platform, "last")
    worked = work.process([three[0]], platform, "last", killed)
    assert worked.states == {"failed": 1}


def test_worker_passes_over_what_another_holds(platform, three):
    work.claim(platform, "run 1")
    done: list[int] = []
    work.process(three, platform, "run 2", lambda delivery_id, settings: done.append(delivery_id))
    assert done == []
    work.process(three[:1], platform, "run 1", finish)
    work.process(three, platform, "run 1", lambda delivery_id, settings: done.append(delivery_id))
    assert done == three[1:]


def test_second_try_of_a_dead_worker_takes_what_it_held(platform, three):
    assert work.claim(platform, "run 1") == [three]
    assert work.claim(platform, "run 2") == []
    assert work.claim(platform, "run 1") == [three]


def test_more_than_one_run_takes_notifies(platform, three):
    few = platform.model_copy(update={"claim_limit": 2})
    with psycopg.connect(libpq_url(platform.need("warehouse_url")), autocommit=True) as connection:
        connection.execute(f"LISTEN {ledger.CHANNEL}")
        assert work.claim(few, "run 1") == [three[:2]]
        assert len(list(connection.notifies(timeout=5, stop_after=1))) == 1
        assert work.claim(few, "run 2") == [three[2:]]
        assert list(connection.notifies(timeout=0.5, stop_after=1)) == []


def test_label_names_the_objects(platform, three):
    work.claim(platform, "run 1")
    worked = work.process(three, platform, "run 1", finish)
    assert worked.label(500).count("iom/flows/") == 3
    assert worked.label(40).endswith("and 2 more")
    assert work.Worked().label() == "nothing to do"


def test_message_of_our_own_errors_is_shown():
    assert "not set" in work.describe(ConfigurationError("the setting X is not set", "export it"))
    with pytest.raises(ValueError, match=SECRET) as caught:
        int(SECRET)
    assert SECRET not in work.describe(caught.value)
