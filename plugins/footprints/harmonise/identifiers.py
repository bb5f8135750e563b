"""What identifies a person, recognised where no contract names it: by the words of a header, by the form of a cell."""

from __future__ import annotations

import re

from footprints.harmonise.folding import fold

HEADER = re.compile(
    r"""
    (?<![^\W\d_])(?:
        (?:full|first|last|given|family|middle|respondent|person|victim|caregiver|head|contact|enumerator|interviewer|
           mother|father|child|deceased|refugee|migrant)[\s_.'-]*names?
      | surname | prenoms? | noms?[\s_.-]*(?:et[\s_.-]*prenoms?|complet|de[\s_.-]*famille|du[\s_.-]*repondant)
      | (?:tele)?phones? | telephones? | tel | mobile | whatsapp | msisdn | portable | e-?mails? | courriels?
      | imei | device[\s_.-]*id | subscriber[\s_.-]*id | sim[\s_.-]*serial | username | passports? | passeports?
      | (?:case|file|registration|national|identity|id|dossier|unhcr)[\s_.-]*(?:no|num|number|numero|id)
      | (?:numero|no)[\s_.-]*(?:de[\s_.-]*)?(?:dossier|identite|passeport)
      | address | adresse | gps | geopoint | geolocation | geoloc | latitude | longitude
      | enumerators? | enqueteurs? | enquetrices? | interviewers? | surveyors?
      | date[\s_.-]*of[\s_.-]*birth | birth[\s_.-]*date | dob | date[\s_.-]*de[\s_.-]*naissance | signature | photo
    )(?![^\W\d_])
    | ^names?$ | ^noms?$
    | اسم[\s_]*(?:المستجيب|الشخص|الاب|الام|العائله|الضحيه)? $ | الاسم | هاتف | جوال | موبايل | بريد[\s_]*الكتروني
    | عنوان[\s_]*السكن | جواز | رقم[\s_]*(?:الهويه|الحاله|الملف) | تاريخ[\s_]*الميلاد | الباحث | العداد
    """,
    re.VERBOSE,
)
FORMS = str.maketrans("ىةٱ", "يها")
"""Arabic letters that are written one for the other."""
CELL = re.compile(
    r"""
    [\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]+                               # an e-mail address ; bounded: long texts
    | (?<![\d.,-])(?:\+|00)\d(?:[\s().-]{0,3}\d){7,13}(?!\d)        # a phone number with its country
    | (?<!\d)\d{15}(?!\d)                                            # a device (IMEI)
    | (?<![\d.])-?\d{1,2}\.\d{4,}[,;\s]+-?\d{1,3}\.\d{4,}(?!\d)      # a place to within some metres
    """,
    re.VERBOSE,
)


def is_header_of_identifiers(header: str) -> bool:
    """Whether a header, by its words in English, French or Arabic, is that of names, numbers or places of persons."""
    return HEADER.search(fold(header).translate(FORMS)) is not None


def holds_identifier(cell: str) -> bool:
    """Whether a cell holds an e-mail address, a phone number, a device number or an exact position."""
    return CELL.search(cell) is not None
