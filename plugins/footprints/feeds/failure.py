"""What a feed can fail of. It is data about the feed (`footprints feeds`), and never ends another feed or a task."""

from __future__ import annotations

from footprints.errors import FootprintsError


class FeedError(FootprintsError):
    """A partner's server or bucket did not give us what the contract says.

    `stops`: the other items of the feed would fare no better. `status` is that of the last HTTP answer, `retry_after`
    the seconds that the server asks us to stay away. The message never holds a word of what was fetched, nor an address
    with its query.
    """

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        stops: bool = False,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.stops = stops
        self.status = status
        self.retry_after = retry_after
