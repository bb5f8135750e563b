"""Reference data: countries, codes, partners and sources as the files state them, and questionnaires of surveys."""

from __future__ import annotations

import csv
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from footprints.contracts import Contract, load_contracts
from footprints.errors import ContractError
from footprints.harmonise import survey
from footprints.harmonise.countries import countries
from footprints.indicators import load_catalogue, sync_indicators
from footprints.places import ALIASES, sync_aliases
from footprints.settings import settings
from footprints.warehouse.engine import driver


def sync(engine: Engine, expectations_dir: Path | None = None) -> list[str]:
    """Brings countries, codes, sources, questionnaires and indicators up to the files; returns the sources.

    Raises ContractError for the first contract that is not valid.
    """
    directory = expectations_dir or settings().expectations_dir
    contracts = load_contracts(directory)
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO core.country (country_code, iso2_code, m49_code, name_en, name_fr, name_ar, is_country)"
                " VALUES (:country_code, :iso2_code, :m49_code, :name_en, :name_fr, :name_ar, :is_country)"
                " ON CONFLICT (country_code) DO UPDATE SET name_en = excluded.name_en, name_fr = excluded.name_fr,"
                " name_ar = excluded.name_ar"
            ),
            [vars(country) for country in countries()],
        )
        _sync_codes(connection, directory / "codes.csv")
        sync_aliases(connection, directory / ALIASES)
        for contract in contracts.values():
            sync_source(connection, contract)
        sync_indicators(driver(connection), load_catalogue(directory))
    return list(contracts)


def _sync_codes(connection: Connection, path: Path) -> None:
    """Enters the code lists of `expectations/codes.csv`; a code that is no longer there stays, for rows may have it."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", newline="") as file:
        codes = list(csv.DictReader(file))
    if not codes or set(codes[0]) != {"domain", "code", "label_en", "label_fr", "label_ar"}:
        raise ContractError(f"{path}: needs the columns domain, code, label_en, label_fr and label_ar")
    connection.execute(
        text(
            "INSERT INTO core.code (domain, code, label_en, label_fr, label_ar)"
            " VALUES (:domain, :code, :label_en, :label_fr, :label_ar)"
            " ON CONFLICT (domain, code) DO UPDATE SET label_en = excluded.label_en, label_fr = excluded.label_fr,"
            " label_ar = excluded.label_ar"
        ),
        codes,
    )


def sync_source(connection: Connection, contract: Contract) -> None:
    """Enters a contract's partner and source, and its questionnaire, where they are new or have changed."""
    seen = connection.execute(
        text("SELECT contract_sha256 FROM meta.source WHERE source_id = :source"), {"source": contract.source}
    ).scalar()
    if seen == contract.sha256:
        return
    partner = contract.partner
    connection.execute(
        text(
            "INSERT INTO meta.partner (partner_id, name, language_code, contact)"
            " VALUES (:id, :name, :language, :contact)"
            " ON CONFLICT (partner_id) DO UPDATE SET name = excluded.name, language_code = excluded.language_code,"
            " contact = excluded.contact"
        ),
        vars(partner),
    )
    connection.execute(
        text(
            "INSERT INTO meta.source (source_id, partner_id, title_en, title_fr, title_ar, publisher, licence,"
            " citation, cadence, confidentiality, contract_sha256)"
            " VALUES (:source, :partner, :en, :fr, :ar, :publisher, :licence, :citation, :cadence,"
            " :confidentiality, :sha256)"
            " ON CONFLICT (source_id) DO UPDATE SET partner_id = excluded.partner_id, title_en = excluded.title_en,"
            " title_fr = excluded.title_fr, title_ar = excluded.title_ar, publisher = excluded.publisher,"
            " licence = excluded.licence, citation = excluded.citation, cadence = excluded.cadence,"
            " confidentiality = excluded.confidentiality, contract_sha256 = excluded.contract_sha256,"
            " updated_at = now()"
        ),
        {
            "source": contract.source,
            "partner": partner.id,
            **{language: contract.title.get(language) for language in ("en", "fr", "ar")},
            "publisher": contract.publisher,
            "licence": contract.licence,
            "citation": contract.citation,
            "cadence": contract.cadence,
            "confidentiality": contract.confidentiality,
            "sha256": contract.sha256,
        },
    )
    for form in {layout.survey.form for layout in contract.layouts if layout.survey is not None}:
        if form is not None:
            _sync_form(connection, contract.source, survey.load_form(form))


def _sync_form(connection: Connection, source: str, form: survey.Form) -> None:
    connection.execute(text("DELETE FROM core.question WHERE source_id = :source"), {"source": source})
    connection.execute(text("DELETE FROM core.choice WHERE source_id = :source"), {"source": source})
    connection.execute(
        text(
            "INSERT INTO core.question (source_id, question_code, question_type, theme, label_en, label_fr, label_ar,"
            " relevant, list_name) VALUES (:source, :code, :type, :theme, :en, :fr, :ar, :relevant, :list_name)"
        ),
        [
            {
                "source": source,
                "code": question.question_code,
                "type": question.question_type,
                "theme": question.theme,
                "relevant": question.relevant or None,
                "list_name": question.list_name,
                **{language: question.labels.get(language) for language in ("en", "fr", "ar")},
            }
            for question in form.questions.values()
        ],
    )
    connection.execute(
        text(
            "INSERT INTO core.choice (source_id, list_name, choice_code, label_en, label_fr, label_ar)"
            " VALUES (:source, :list_name, :code, :en, :fr, :ar)"
        ),
        [
            {
                "source": source,
                "list_name": list_name,
                "code": code,
                **{language: labels.get(language) for language in ("en", "fr", "ar")},
            }
            for list_name, choices in form.choices.items()
            for code, labels in choices.items()
        ],
    )
