"""What identifies persons is recognised by header and by cell, where no contract names it; other words stay."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footprints.harmonise.identifiers import holds_identifier, is_header_of_identifiers


@pytest.mark.parametrize(
    "header",
    [
        "Name",
        "Respondent name",
        "respondent_name",
        "Nom",
        "Noms et prénoms",
        "Prénom",
        "N° téléphone",
        "phone_number",
        "Tel.",
        "WhatsApp",
        "E-mail",
        "IMEI",
        "deviceid",
        "group/subscriberid",
        "Case No",
        "UNHCR ID",
        "Numéro de dossier",
        "Passport",
        "_geolocation",
        "gps_latitude",
        "Enquêteur",
        "Date of birth",
        "الاسم",
        "اسم المستجيب",
        "رقم الهاتف",
        "رقم الهوية",
    ],
)
def test_headers_of_identifiers(header: str) -> None:
    assert is_header_of_identifiers(header)


@pytest.mark.parametrize(
    "header",
    [
        "Activity",
        "Organisation name",
        "Admin1 name",
        "Camp name",
        "Nombre de personnes",
        "Telling",
        "Number of cases",
        "phonetic",
        "Hotel",
        "Region",
        "اسم المنطقة",
        "عدد الحالات",
    ],
)
def test_headers_of_other_things(header: str) -> None:
    assert not is_header_of_identifiers(header)


@pytest.mark.parametrize(
    ("cell", "holds"),
    [
        ("write to someone@example.org", True),
        ("+999 20 123 456", True),
        ("0099920123456", True),
        ("call (+999) 201-234-56", True),
        ("356938035643809", True),
        ("12.63921, -8.00289", True),
        ("2 300 people", False),
        ("2016-05-30", False),
        ("-8.00", False),
        ("54ba1b3e-705c-458d-a033-12532fae7af4", False),
        ("+12.5", False),
        ("Gao @ noon", False),
        ("", False),
    ],
)
def test_cells_that_hold_identifiers(cell: str, holds: bool) -> None:
    assert holds_identifier(cell) == holds


@settings(deadline=None)
@given(
    st.sampled_from(["+", "00"]),
    st.lists(
        st.tuples(st.sampled_from("0123456789"), st.sampled_from(["", " ", "-", ".", ") "])), min_size=9, max_size=13
    ),
    st.sampled_from(["", "call ", "هاتف: "]),
    st.sampled_from(["", ".", " at noon"]),
)
def test_phone_numbers_are_recognised_however_they_are_grouped(
    start: str, digits: list[tuple[str, str]], before: str, after: str
) -> None:
    number = start + "9" + "".join(separator + digit for digit, separator in digits)
    assert holds_identifier(before + number + after)
