"""Errors that Footprints raises on purpose. Each says what is wrong and what to do, and never holds a cell's value."""

from __future__ import annotations

from typing import Any


class FootprintsError(Exception):
    """An error for a person: `message` says what is wrong, `hint` what to do. `exit_code` is the CLI's."""

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(FootprintsError):
    """A setting is missing or wrong, or the stack is not running."""

    exit_code = 3


class ContractError(FootprintsError):
    """A file in `expectations/` is not a valid contract; the message names the file and the key."""

    exit_code = 4


class NotFoundError(FootprintsError):
    """There is no such delivery, source or object."""

    exit_code = 5


class DeliveryError(FootprintsError):
    """The delivery as a whole cannot be loaded: a verdict for its receipt, not a failure of ours.

    `rule` is the name of the rule in the receipt (see `receipts/messages.yaml`), `parameters` its placeholders:
    names of columns, sheets and formats, and counts. Never a cell's value.
    """

    exit_code = 6

    def __init__(self, rule: str, **parameters: Any) -> None:
        super().__init__(rule)
        self.rule = rule
        self.parameters = parameters
