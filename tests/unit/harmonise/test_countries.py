"""Countries by names in three languages and any order of words; by codes of others where a contract says so."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from footprints.contracts import Column
from footprints.errors import ContractError
from footprints.harmonise.countries import countries, find_country, load_crosswalk, m49_codes, read_codes
from footprints.harmonise.values import parse_column
from footprints.settings import REPOSITORY

EXPECTATIONS = REPOSITORY / "expectations"
CROSSWALK = load_crosswalk(EXPECTATIONS / "countries.csv")
UNHCR = read_codes(EXPECTATIONS / "unhcr_codes.csv")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Iran (Islamic Republic of)", "IRN"),
        ("the Islamic Republic of Iran", "IRN"),
        ("Iran (République islamique d’)", "IRN"),
        ("République de Corée", "KOR"),
        ("Corée, République populaire démocratique de", "PRK"),
        ("Congo (the Democratic Republic of the)", "COD"),
        ("Congo (the)", "COG"),
        ("COTE D'IVOIRE", "CIV"),
        ("ليبيا", "LBY"),
        ("كوت ديفوار", "CIV"),
        ("ml", "MLI"),
        ("NA", "NAM"),
        ("XK", "XKX"),
        ("Various/Unknown", "UKN"),
        ("Congo", "COG"),
        ("Republic", None),
        ("of the", None),
        ("120", None),
        ("Guinea Bissau Conakry", None),
    ],
)
def test_names_are_found_in_any_order_of_their_words(name: str, code: str | None) -> None:
    assert find_country(name, CROSSWALK) == code


def test_each_country_is_found_by_each_of_its_own_names() -> None:
    for country in countries():
        for name in (country.country_code, country.iso2_code, country.name_en, country.name_fr, country.name_ar):
            if name:
                assert find_country(name, CROSSWALK) == country.country_code, name


def parsed(text: str, **column: object) -> str | None:
    found = parse_column(pa.array([text], pa.large_string()), Column("c", type="country", **column), ("",), CROSSWALK)  # type: ignore[arg-type]
    assert found.bad[0] == (found.values[0].as_py() is None)
    code: str | None = found.values[0].as_py()
    return code


def test_codes_of_unhcr_and_the_un_are_read_only_where_the_contract_says_so() -> None:
    assert (parsed("AUS"), parsed("AUS", codes=UNHCR)) == ("AUS", "AUT")
    assert (parsed("SUD"), parsed("SUD", codes=UNHCR)) == (None, "SDN")
    assert parsed("NAM", codes={"nbi": "NAM"}) is None  # ISO's letters are not UNHCR's
    assert parsed("Sudan", codes=UNHCR) == "SDN"  # a name is a name
    assert (parsed("4"), parsed("4", codes=m49_codes()), parsed("004", codes=m49_codes())) == (None, "AFG", "AFG")
    assert parsed("MLI", codes=m49_codes()) is None


def test_a_list_of_codes_that_are_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("provider_value,country_code\nSUD,SUD\n", encoding="utf-8")
    with pytest.raises(ContractError, match="line 2"):
        read_codes(path)
    path.write_text("provider_value,code\nSUD,SDN\n", encoding="utf-8")
    with pytest.raises(ContractError, match="country_code"):
        read_codes(path)
