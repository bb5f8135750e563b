"""The commands that start, stop and describe the embedded stack: `up`, `down`, `status`, `url`, `env`."""

from __future__ import annotations

import enum
import json
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from footprints.stack import lifecycle, state
from footprints.stack.postgres import binaries

# Progress and notes go to stderr: what `url`, `env` and `--json` print is for other programs.
_notes = Console(stderr=True)
_settled = {"ready": "green", "running": "green", "stopped": "dim", "waiting": "dim"}


class Place(enum.StrEnum):
    """What `footprints url` knows."""

    airflow = "airflow"
    drop = "drop"
    warehouse = "warehouse"
    analyst = "analyst"
    s3 = "s3"


def register(app: typer.Typer) -> None:
    """Mount the commands of the stack on an app."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("status")(status)
    app.command("url")(url)
    app.command("env")(env)


def up() -> None:
    """Start Postgres, SeaweedFS and Airflow on this machine, and wait until all are healthy."""
    with _interruptible(), show_progress() as progress:
        result = lifecycle.up(progress=progress)
    if not result.started:
        _notes.print("Everything is running already.")
    else:
        _notes.print(f"[green]Footprints is up[/green] ({len(result.started)} parts in {result.seconds:.0f} s).")
    _, known = lifecycle.running_state()
    login = f"user {state.ADMIN}, password {known.secrets['airflow_admin']}"
    _notes.print(f"Airflow: {result.urls['airflow']}  {login}", soft_wrap=True, highlight=False)
    hint = f'The store and the warehouse, for your shell: eval "$({called()} env)"'
    _notes.print(hint, soft_wrap=True, highlight=False)


def called(program: str = "footprints") -> str:
    """How a person calls our command, or a program of the embedded Postgres, in a shell that may not know it."""
    if shutil.which(program):
        return program
    if program == "footprints":
        return ".venv/bin/footprints"
    return str(binaries() / program)


def down(
    delete: Annotated[bool, typer.Option("--delete", help="Remove all data and secrets of the stack too.")] = False,
) -> None:
    """Stop every process of the stack; the data stay, unless --delete."""
    with show_progress() as progress:
        stopped = lifecycle.down(delete=delete, progress=progress)
    _notes.print("Footprints is down." if stopped else "Nothing was running.")


def status(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Say of each part whether it runs and is healthy; the exit code is 1 when one is not."""
    parts = lifecycle.status()
    if as_json:
        typer.echo(json.dumps([asdict(part) for part in parts], indent=2))
    else:
        table = Table("part", "pid", "port", "health", box=None)
        table.add_column("log", overflow="fold")
        for part in parts:
            word, colour = ("healthy", "green") if part.healthy else ("unhealthy" if part.pid else "down", "red")
            health = f"[{colour}]{word}[/{colour}]"
            table.add_row(part.part, str(part.pid or ""), str(part.port or ""), health, part.log)
        Console().print(table)
    if not all(part.healthy for part in parts):
        raise typer.Exit(1)


def url(place: Place) -> None:
    """Print one address of the running stack; the warehouse's are for psql, as the reader or the analyst."""
    _, known = lifecycle.running_state()
    typer.echo(state.urls(known)[place.value])


def env() -> None:
    """Print the exports that aws, psql and python need to reach the running stack."""
    home, known = lifecycle.running_state()
    typer.echo(state.export_lines(state.exports(home, known)))


@contextmanager
def show_progress() -> Iterator[lifecycle.Progress]:
    """A live table of the parts on a terminal, one line per news elsewhere; yields the callback for `up` and `down`."""
    if not _notes.is_terminal:
        yield lambda part, what: _notes.print(f"{part}: {what}", highlight=False)
        return
    rows: dict[str, Spinner | Text] = {}
    news = threading.Lock()

    def render() -> Table:
        table = Table.grid(padding=(0, 1))
        for part, row in rows.items():
            table.add_row(row, part)
        return table

    with Live(render(), console=_notes, refresh_per_second=10) as live:

        def progress(part: str, what: str) -> None:
            with news:
                style = _settled.get(what)
                rows[part] = Text(f"● {what}", style=style) if style else Spinner("dots", text=what)
                live.update(render())

        yield progress


@contextmanager
def _interruptible() -> Iterator[None]:
    """A SIGTERM stops what was started, as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous: Callable[[int, FrameType | None], object] | int | None = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
