"""From a file to a folder of `expectations/`: read, draft, write, and try the draft on the file."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from footprints.contracts import Contract, load_contract, load_contracts
from footprints.errors import ConfigurationError, ContractError
from footprints.harmonise.countries import load_crosswalk
from footprints.harmonise.folding import fold
from footprints.model import Receipt
from footprints.propose.draft import Draft, draft_sheet, load_codes
from footprints.propose.lexicon import Lexicon, load_lexicon
from footprints.propose.profile import profile_file
from footprints.propose.write import Names, contract_text, map_texts, suite_text
from footprints.readers import open_file
from footprints.settings import Settings

MAX_SHEETS = 3
"""A draft is of so many sheets, those with the most cells."""
SMALL = 0.2
"""A sheet with a smaller part of the largest one's cells is not drafted."""


@dataclass(frozen=True)
class Proposal:
    """A drafted source: its folder, the layouts, and the receipt that the file gets by it."""

    directory: Path
    drafts: tuple[Draft, ...]
    receipt: Receipt | None
    """None where the draft lacks what its table needs, so that it cannot be tried yet."""
    obstacle: str | None = None


def draft_file(path: Path, source: str, settings: Settings, lexicon: Lexicon) -> tuple[list[Draft], int]:
    """The drafts of a file's largest sheets, and its number of rows.

    Raises DeliveryError where the file cannot be read, ConfigurationError where no table of it fits one of ours.
    """
    countries = load_crosswalk(settings.expectations_dir / "countries.csv")
    opened = open_file(path, settings.max_unpacked_bytes)
    profiles = profile_file(opened, countries)
    if not profiles:
        raise ConfigurationError(f"{path.name} holds no table", "a draft needs a header and a few rows")
    largest = profiles[0].n_rows * len(profiles[0].columns)
    chosen = [p for p in profiles[:MAX_SHEETS] if p.n_rows * len(p.columns) >= SMALL * largest]
    codes = load_codes(settings.expectations_dir / "codes.csv")
    drafts: list[Draft] = []
    for profile in chosen:
        try:
            drafts.append(
                draft_sheet(profile, path.name, source, lexicon, codes, is_only_sheet=len(opened.sheets) == 1)
            )
        except ConfigurationError:
            if profile is chosen[-1] and not drafts:
                raise
    return drafts, sum(profile.n_rows for profile in chosen)


def source_name(file_name: str) -> str:
    """A name for a source from that of a file: its words, without dates and numbers."""
    words = re.sub(r"[^a-z]+", "-", fold(Path(file_name).stem)).strip("-")
    return re.sub(r"-+", "-", words)[:40].strip("-") or "new-source"


def propose(path: Path, names: Names, directory: Path, settings: Settings) -> Proposal:
    """Drafts a source from a file into `directory/<source>`, and checks the file by the draft.

    Raises ConfigurationError where the folder of the source is there already, DeliveryError where the file cannot be
    read.
    """
    folder = directory / names.source
    if folder.exists():
        raise ConfigurationError(f"{folder} is there already", "choose another name with --source, or remove it")
    contracts: list[Contract] = list(load_contracts(settings.expectations_dir).values())
    lexicon = load_lexicon(settings.expectations_dir / "headers.csv", contracts)
    drafts, n_rows = draft_file(path, names.source, settings, lexicon)
    (folder / "maps").mkdir(parents=True)
    (folder / "suites").mkdir()
    (folder / "contract.yaml").write_text(contract_text(names, drafts, n_rows), "utf-8")
    for draft in drafts:
        for name, text in map_texts(draft).items():
            (folder / "maps" / name).write_text(text, "utf-8")
    (folder / "suites" / "delivered.json").write_text(suite_text(names, drafts[0]), "utf-8")
    receipt, obstacle = try_draft(path, folder, settings)
    return Proposal(folder, tuple(drafts), receipt, obstacle)


def try_draft(path: Path, folder: Path, settings: Settings) -> tuple[Receipt | None, str | None]:
    """The receipt that a file gets by the contract in a folder; or what the contract still lacks.

    The folder need not be among `expectations/`: it is looked at beside the lists and suites that all sources share.
    """
    from footprints.check import check_file

    with tempfile.TemporaryDirectory(prefix="footprints-draft-") as name:
        bench = Path(name)
        for shared in settings.expectations_dir.iterdir():
            if shared.is_file() or shared.name == "_tables":
                (bench / shared.name).symlink_to(shared.resolve())
        (bench / folder.name).symlink_to(folder.resolve())
        try:
            load_contract(bench / folder.name)
            return check_file(path, folder.name, settings.model_copy(update={"expectations_dir": bench})), None
        except ContractError as error:  # what only a person knows
            return None, error.message.replace(name, str(folder.parent))
