"""Invented interviews of the field survey, and the files that KoboToolbox would export of them.

Nobody was interviewed: answers are drawn from a seeded generator, with the published marginals set exactly where
we say so (`mali_interviews`).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from footprints.harmonise.survey import LANGUAGES, Form, Question, load_form
from footprints.harmonise.xlsform import META_TYPES
from footprints.samples.files import write_csv, write_workbook
from footprints.samples.xlsform import form_dir

SHEET = "MHub field survey"
REPEAT = "stops"
VERSION = "vFq7MHub2016030101"
MALI_ROUND = "2016-03/2016-05"

Answers = dict[str, Any]

PLACES = {
    "MLI": ("gao", "kayes", "timbuktu", "nara", "benama_yelimane"),
    "NER": ("agadez", "arlit", "niamey"),
    "LBY": ("sebha", "tripoli", "alqatrun"),
    "TCD": ("ndjamena", "faya"),
    "DZA": ("tamanrasset", "oran"),
    "TUN": ("tunis", "zarzis"),
}
WAY = {
    "MLI": (("BFA", "Ouagadougou"), ("MLI", "Bamako"), ("MLI", "Mopti")),
    "NER": (("BEN", "Cotonou"), ("BFA", "Ouagadougou"), ("NER", "Niamey"), ("NER", "Agadez")),
    "LBY": (("NER", "Agadez"), ("NER", "Dirkou"), ("LBY", "Al Qatrun"), ("LBY", "Sebha")),
    "TCD": (("SDN", "El Geneina"), ("CMR", "Maroua"), ("TCD", "Abéché")),
    "DZA": (("MLI", "Gao"), ("NER", "Arlit"), ("DZA", "In Guezzam")),
    "TUN": (("NER", "Agadez"), ("LBY", "Zuwara"), ("TUN", "Medenine")),
}
ORIGINS = {
    "MLI": {"GIN": 22, "CIV": 12, "SEN": 14, "GMB": 16, "NGA": 14, "CMR": 10, "BFA": 6, "LBR": 6},
    "NER": {"NGA": 30, "GMB": 12, "SEN": 12, "GIN": 12, "CMR": 10, "CIV": 8, "MLI": 10, "BEN": 6},
    "LBY": {"NER": 20, "NGA": 18, "TCD": 14, "SDN": 16, "ERI": 10, "SOM": 6, "EGY": 8, "GHA": 8},
    "TCD": {"SDN": 34, "CAF": 26, "CMR": 18, "NGA": 14, "ETH": 8},
    "DZA": {"MLI": 28, "NER": 26, "CMR": 14, "GIN": 14, "CIV": 10, "NGA": 8},
    "TUN": {"CIV": 28, "GIN": 18, "CMR": 14, "SDN": 14, "SYR": 10, "NGA": 10, "ERI": 6},
}
ROUTE = {
    "MLI": "to_algeria",
    "NER": "to_libya",
    "LBY": "central_mediterranean",
    "TCD": "to_libya",
    "DZA": "western_mediterranean",
    "TUN": "central_mediterranean",
}

GOALS = {
    "europe": ("ITA", "FRA", "DEU", "ESP"),
    "north_africa": ("DZA", "LBY", "TUN"),
    "west_africa": ("NGA", "SEN"),
    "gulf": ("SAU",),
}


@dataclass(frozen=True)
class Interview:
    """One invented interview: its answers by question, its stops in order, and Kobo's own fields."""

    uuid: str
    started: datetime
    ended: datetime
    answers: Answers
    stops: tuple[Answers, ...] = ()
    fault: str = ""
    today: str = field(default="")
    doubt: str = ""
    """The rule of the field that it is made to fail; it is loaded, and flagged."""


@cache
def survey_form() -> Form:
    """Our questionnaire."""
    return load_form(form_dir())


def mali_interviews(seed: int = 2016) -> list[Interview]:
    """The May 2016 snapshot of Mali: 109 interviews, March to May 2016, in five places.

    50 of 109 felt unsafe (46 %), 78 had or saw negative encounters with militias or smugglers (72 %), 105 did not plan
    to stay (96 %); nobody refused these three questions.
    """
    draw = random.Random(seed)
    n = 109
    places = [p for p, k in zip(PLACES["MLI"], (34, 25, 22, 16, 12), strict=True) for _ in range(k)]
    unsafe = ["yes"] * 50 + ["no"] * 59
    encounters = ["experienced"] * 34 + ["witnessed"] * 23 + ["both"] * 21 + ["none"] * 31
    stay = ["yes"] * 4 + ["no"] * 105
    for column in (places, unsafe, encounters, stay):
        draw.shuffle(column)
    days = [date(2016, 3, 1), date(2016, 5, 31)]
    days += [date(2016, 3, 1) + timedelta(days=draw.randrange(92)) for _ in range(n - 2)]
    interviews = []
    for i, day in enumerate(sorted(days)):
        fixed = {
            "interview_place": places[i],
            "felt_unsafe": unsafe[i],
            "negative_encounter": encounters[i],
            "plan_to_stay": stay[i],
        }
        interviews.append(_interview(draw, "MLI", day, MALI_ROUND, fixed, with_doubt=False))
    return interviews


def field_interviews(n: int = 1200, seed: int = 7, first_year: int = 2017, n_quarters: int = 6) -> list[Interview]:
    """A field survey in six countries over several quarters (a round each), with "don't know" and "refused"."""
    draw = random.Random(seed)
    interviews = []
    for i in range(n):
        quarter = i * n_quarters // n
        year, month = first_year + quarter // 4, quarter % 4 * 3 + 1
        start = date(year, month, 1)
        end = date(year + month // 10, (month + 2) % 12 + 1, 1)
        day = start + timedelta(days=draw.randrange((end - start).days))
        country = draw.choices(list(PLACES), (10, 28, 26, 12, 12, 12))[0]
        interviews.append(_interview(draw, country, day, f"{year}-{month:02}/{year}-{month + 2:02}", {}))
    return interviews


FAULTS = ("consent.none", "required", "type.date", "age", "key.repeated")


def spoil(interviews: Sequence[Interview], seed: int = 13, each: int = 2) -> list[Interview]:
    """The interviews, with `each` faulty ones of every kind of `FAULTS` put among them at the end.

    No consent, no country of interview, 31 February, age 250: these four kinds must be rejected. The last repeats an
    interview, `_uuid` and all, with another answer: the later row counts, the earlier is a duplicate in the file.
    """
    draw = random.Random(seed)
    spoiled = list(interviews)
    for fault in FAULTS:
        for _ in range(each):
            like = interviews[draw.randrange(len(interviews))]
            answers = dict(like.answers)
            identity, today = _uuid(draw), like.today
            if fault == "consent.none":
                answers["consent"] = "no"
            elif fault == "required":
                del answers["interview_country"]
            elif fault == "type.date":
                today = f"{like.started.year}-02-31"
            elif fault == "age":
                answers["age"] = 250
            else:
                taken = {i.uuid for i in spoiled if i.fault == "key.repeated"}
                while like.uuid in taken:
                    like = interviews[draw.randrange(len(interviews))]
                answers = {**like.answers, "hungry_days": 7 - int(like.answers.get("hungry_days", 0) == 7)}
                identity, today = like.uuid, like.today
            spoiled.append(Interview(identity, like.started, like.ended, answers, like.stops, fault, today))
    return spoiled


DOUBTS = (
    "interview.short",
    "interview.hour",
    "interview.ends_before_start",
    "interview.few_answers",
    "interview.many_refused",
    "interview.many_dont_know",
    "interview.country",
    "interview.off_route",
    "interview.apart",
    "interview.near_duplicate",
)


def doubtful(interviews: Sequence[Interview], seed: int = 17, each: int = 2) -> list[Interview]:
    """The interviews, and after them `each` of every kind of `DOUBTS`: such as are loaded, and flagged by that rule.

    Those that are too close to another, or nearly its duplicate, make the other one fail the same rule.
    """
    draw = random.Random(seed)
    calm = [i for i in interviews if not i.fault and i.answers.get("route") not in (None, "dont_know", "refused")]
    likes = draw.sample(calm, len(DOUBTS) * each)
    return [*interviews, *(_doubtful(draw, likes.pop(), doubt) for doubt in DOUBTS for _ in range(each))]


def _doubtful(draw: random.Random, like: Interview, doubt: str) -> Interview:
    answers, stops, started, ended = dict(like.answers), like.stops, like.started, like.ended
    if doubt not in ("interview.apart", "interview.near_duplicate"):
        answers["enumerator_id"] = f"E{900 + DOUBTS.index(doubt)}{draw.randrange(10)}"  # nobody to be close to
    if doubt == "interview.short":
        ended = started + timedelta(minutes=draw.randrange(3, 14))
    elif doubt == "interview.hour":
        started = started.replace(hour=1)
        ended = started + (like.ended - like.started)
    elif doubt == "interview.ends_before_start":
        ended = started - timedelta(minutes=draw.randrange(5, 90))
    elif doubt == "interview.few_answers":
        kept = ("enumerator_id", "round", "interview_country", "interview_place", "consent", "sex", "age")
        answers, stops = {code: answers[code] for code in kept}, ()
    elif doubt in ("interview.many_refused", "interview.many_dont_know"):
        code, n = ("refused", 8) if doubt == "interview.many_refused" else ("dont_know", 12)
        form = survey_form()
        able = [
            q.question_code
            for q in form.questions.values()
            if q.question_code in answers
            and q.question_type == "select_one"
            and code in form.choices[q.list_name or ""]
        ]
        answers |= dict.fromkeys(able[-n:], code)
    elif doubt == "interview.country":
        answers["nationality"] = answers["interview_country"]
    elif doubt == "interview.off_route":
        answers["route"] = "central_mediterranean"
        stops = (*stops, {**stops[-1], "stop_country": "BGD", "stop_place": "Dhaka"})
    else:
        drawn = _interview(draw, answers["interview_country"], like.started.date(), answers["round"], {})
        gap, same = (3, drawn.answers) if doubt == "interview.apart" else (180, answers)
        answers = {**same, "enumerator_id": answers["enumerator_id"]}
        if doubt == "interview.near_duplicate":
            answers |= {"age": 41, "hungry_days": 5, "n_children": 4}
        started = like.ended + timedelta(minutes=gap)
        ended = started + timedelta(minutes=31)
    return Interview(_uuid(draw), started, ended, answers, stops, "", like.today, doubt)


@dataclass(frozen=True)
class Correction:
    """A corrected re-delivery: the interviews it holds, and how many it adds, changes, leaves alone and drops."""

    interviews: list[Interview]
    n_added: int
    n_changed: int
    n_unchanged: int
    n_gone: int


def correct(interviews: Sequence[Interview], n_changed: int = 9, n_added: int = 4, n_gone: int = 3) -> Correction:
    """What comes after a check of the field survey: some answers put right, some interviews late, some deleted.

    Interviews are deleted from the midst of what a round covers in a country, so that the days covered stay the same.
    """
    draw = random.Random(len(interviews))
    sound = [i for i in interviews if not i.fault]
    repeated = {i.uuid for i in interviews if i.fault == "key.repeated"}
    scopes: dict[tuple[str, str], list[Interview]] = {}
    for one in sound:
        scopes.setdefault((one.answers["round"], one.answers["interview_country"]), []).append(one)
    inner = []
    for members in scopes.values():
        days = sorted(m.today for m in members)
        inner += [m for m in members if days[0] < m.today < days[-1] and m.uuid not in repeated]
    chosen = draw.sample(sorted(inner, key=lambda i: i.uuid), n_changed + n_gone)
    changed, gone = ({i.uuid for i in chosen[:n_changed]}, {i.uuid for i in chosen[n_changed:]})
    after: list[Interview] = []
    for one in interviews:
        if one.uuid in gone:
            continue
        if one.uuid in changed:
            felt = "no" if one.answers.get("felt_unsafe") == "yes" else "yes"
            one = Interview(
                one.uuid, one.started, one.ended, {**one.answers, "felt_unsafe": felt}, one.stops, "", one.today
            )
        after.append(one)
    for one in draw.sample([i for i in sound if i.uuid not in gone], n_added):
        after.append(
            Interview(_uuid(draw), one.started, one.ended, {**one.answers, "age": 33}, one.stops, "", one.today)
        )
    return Correction(after, n_added, n_changed, len(sound) - n_changed - n_gone, n_gone)


def write_kobo_xlsx(
    path: Path, interviews: Sequence[Interview], labels: str | None = None, label_row: bool = False
) -> Path:
    """Write Kobo's XLSX export: the main sheet, and the sheet `stops` joined to it by `_parent_index`.

    `labels` gives headers and choices as the form's labels in that language (en, fr, ar) rather than by name;
    `label_row` puts the English labels in the row under the header.
    """
    form = survey_form()
    return write_workbook(
        path, {SHEET: _main_rows(form, interviews, labels, label_row), REPEAT: _stop_rows(form, interviews, labels)}
    )


def write_kobo_csv(path: Path, interviews: Sequence[Interview], labels: str | None = None) -> Path:
    """Write Kobo's CSV export: the main sheet only, semicolons, UTF-8 with BOM."""
    rows = _main_rows(survey_form(), interviews, labels, False)
    return write_csv(path, rows, delimiter=";", encoding="utf-8-sig")


def mali_snapshot(path: Path, labels: str | None = None, label_row: bool = False, seed: int = 2016) -> Path:
    """Write the Mali snapshot of 2016; a path that ends in .csv gives Kobo's CSV export, else its XLSX export."""
    interviews = mali_interviews(seed)
    if path.suffix == ".csv":
        return write_kobo_csv(path, interviews, labels)
    return write_kobo_xlsx(path, interviews, labels, label_row)


# ---------------------------------------------------------------------------------------------- one interview


def _uuid(draw: random.Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


class _Drawn:
    """The answers of one interview while they are drawn."""

    def __init__(self, draw: random.Random, country: str, day: date, fixed: Answers, with_doubt: bool) -> None:
        self.draw = draw
        self.country = country
        self.day = day
        self.answers: Answers = dict(fixed)
        self.with_doubt = with_doubt

    def one(self, code: str, doubt: float = 0.03, **weights: float) -> str:
        """Draw the answer to a select_one, sometimes a doubtful one; what is fixed stays."""
        if code not in self.answers:
            if self.with_doubt and self.draw.random() < doubt:
                self.answers[code] = self.draw.choice(("dont_know", "refused"))
            else:
                self.answers[code] = self.draw.choices(list(weights), list(weights.values()))[0]
        return str(self.answers[code])

    def several(self, code: str, most: int = 3, doubt: float = 0.02, **weights: float) -> list[str]:
        """Draw the answer to a select_multiple: one to `most` choices."""
        if self.with_doubt and self.draw.random() < doubt:
            chosen = [self.draw.choice(("dont_know", "refused"))]
        else:
            n = self.draw.randint(1, most)
            wanted = {self.draw.choices(list(weights), list(weights.values()))[0] for _ in range(n)}
            wanted = wanted & {"none", "nobody"} or wanted
            chosen = [c for c in weights if c in wanted]
        if "other" in chosen:
            self.answers[f"{code}_other"] = self.draw.choice(("Pilgrimage", "Debt", "Sport", "Charity", "Lottery"))
        self.answers[code] = chosen
        return chosen

    def number(self, code: str, low: int, high: int) -> None:
        """Draw the answer to a number question, sometimes none."""
        if not self.with_doubt or self.draw.random() > 0.04:
            self.answers[code] = self.draw.randint(low, high)


def _interview(
    draw: random.Random, country: str, day: date, round_code: str, fixed: Answers, with_doubt: bool = True
) -> Interview:
    started = datetime(day.year, day.month, day.day, draw.randrange(7, 18), draw.randrange(60), tzinfo=UTC)
    ended = started + timedelta(minutes=draw.randrange(22, 75))
    intro: Answers = {
        "enumerator_id": f"E{100 + draw.randrange(24)}",
        "round": round_code,
        "interview_country": country,
        "interview_place": draw.choice(PLACES[country]),
        "consent": "yes",
    }
    d = _Drawn(draw, country, day, intro | fixed, with_doubt)
    _profile(d)
    _drivers(d)
    stops = _journey(d)
    _conditions(d)
    _protection(d)
    _smugglers(d)
    _intentions(d)
    _awareness(d)
    _needs(d)
    if draw.random() < 0.1:
        d.answers["comments"] = draw.choice(
            ("Would like to phone home.", "Asks about the way back.", "Souhaite rentrer.")
        )
    return Interview(_uuid(draw), started, ended, d.answers, stops, "", day.isoformat())


def _profile(d: _Drawn) -> None:
    d.one("sex", 0.0, female=27, male=73)
    ages = (d.draw.randint(18, 34), d.draw.randint(15, 17), d.draw.randint(35, 62), 998)
    d.answers["age"] = d.draw.choices(ages, (70, 9, 19, 2 if d.with_doubt else 0))[0]
    origins = ORIGINS[d.country]
    d.answers["nationality"] = d.draw.choices(list(origins), list(origins.values()))[0]
    d.one("marital_status", single=58, married=33, separated=6, widowed=3)
    d.one("education", none=18, religious=14, primary=28, secondary=28, vocational=6, higher=6)
    d.one("occupation", farming=25, trade=22, services=12, construction=14, student=12, domestic=6, none=9)
    d.one("legal_status", 0.07, regular=30, irregular=48, asylum_seeker=8, refugee=4, applied=10)
    d.one("travel_group", alone=38, family=14, friends=28, group=20)
    d.answers["n_children"] = d.draw.choices((0, 1, 2, 3), (84, 9, 5, 2))[0]


def _drivers(d: _Drawn) -> None:
    drivers = d.several(
        "drivers", economic=46, conflict=22, rights=9, family=8, study=4, services=4, environment=5, culture=2, other=2
    )
    d.answers["main_driver"] = d.draw.choice(drivers)
    d.several("influences", parents=24, spouse=8, friends=26, diaspora=18, smugglers=6, social_media=8, nobody=20)


def _journey(d: _Drawn) -> tuple[Answers, ...]:
    elsewhere = d.draw.choice(("CIV", "GHA", "NGA"))
    d.answers["departure_country"] = d.answers["nationality"] if d.draw.random() < 0.9 else elsewhere
    d.answers["departure_date"] = (d.day - timedelta(days=d.draw.randrange(20, 600))).isoformat()
    d.one("route", 0.05, **{"central_mediterranean": 15, "within_region": 15, ROUTE[d.country]: 70})
    d.several("journey_funding", savings=38, family=30, loan=14, sale=8, work=16)
    d.number("journey_cost_usd", 80, 2600)
    way = WAY[d.country]
    return tuple(_stop(d, code, place) for code, place in way[: d.draw.randint(1, len(way))])


def _conditions(d: _Drawn) -> None:
    d.one("shelter", rented=26, ghetto=24, employer=10, friends=20, camp=10, street=10)
    d.one("paid_work", yes=42, no=58)
    if d.one("health_problem", yes=44, no=56) == "yes":
        d.one("health_access", yes=47, no=53)
    d.number("hungry_days", 0, 6)


def _protection(d: _Drawn) -> None:
    d.one("felt_unsafe", 0.05, yes=52, no=48)
    met = d.one("negative_encounter", 0.06, experienced=30, witnessed=22, both=16, none=32)
    if met in ("experienced", "witnessed", "both"):
        d.several("encounter_actors", militia=34, smugglers=36, bandits=16, police=18, border_guards=12)
    d.several(
        "incidents", none=36, robbery=22, extortion=26, physical_violence=18, detention=12, kidnapping=5, injury=14
    )
    if d.one("detained", yes=24, no=76) == "yes":
        d.number("detained_days", 1, 120)
    if d.one("witnessed_death", yes=18, no=82) == "yes":
        d.number("n_deaths_witnessed", 1, 12)


def _smugglers(d: _Drawn) -> None:
    if d.one("smuggler_used", 0.06, whole=22, part=41, none=37) in ("whole", "part"):
        d.several("smuggler_found", friends=48, approached=26, social_media=8, stations=18)
        d.number("smuggler_paid_usd", 50, 1800)
        d.one("smuggler_misled", yes=38, no=62)


def _intentions(d: _Drawn) -> None:
    if d.one("plan_to_stay", 0.04, yes=12, no=88) != "yes":
        weights = {"europe": 54, "north_africa": 20, "west_africa": 8, "gulf": 3, "home": 8, "no_destination": 7}
        region = d.one("destination_region", 0.06, **weights)
        if region in GOALS:
            d.answers["destination_country"] = d.draw.choice(GOALS[region])
            d.several("destination_reasons", work=54, safety=24, family=18, asylum=8, study=6, rights=12)
    d.one("leave_again", 0.05, yes=46, no=54)


def _awareness(d: _Drawn) -> None:
    if d.one("aware_before", 0.04, **{"fully": 23, "partly": 36, "not": 41}) in ("fully", "partly"):
        d.several("risks_known", robbery=30, extortion=24, physical_violence=26, detention=22, kidnapping=16, death=34)
    d.several("information_sources", friends=44, returnees=18, smugglers=16, social_media=14, radio_tv=8, none=14)
    d.one("encourage_others", 0.04, yes=26, no=74)


def _needs(d: _Drawn) -> None:
    weights = {"cash": 34, "food": 22, "water": 8, "shelter": 18, "health": 18, "documents": 12, "legal": 8}
    weights |= {"psychosocial": 4, "work": 16, "return": 6, "information": 8, "none": 4}
    needs = d.several("needs", **weights)
    if needs != ["none"]:
        d.answers["main_need"] = d.draw.choice(needs)
    if d.one("assistance", yes=31, no=69) == "yes":
        d.several("assistance_from", un=30, ngo=32, red_cross=16, local_people=20, migrants=18)


def _stop(d: _Drawn, country: str, place: str) -> Answers:
    draw = d.draw
    suffered = ("robbery", "extortion", "physical_violence", "detention", "abandonment", "injury")
    incidents = sorted({draw.choice(suffered) for _ in range(2)}) if draw.random() < 0.45 else ["none"]
    safety = draw.choices(("very_safe", "safe", "unsafe", "very_unsafe"), (8, 42, 36, 14))[0]
    if d.with_doubt and draw.random() < 0.03:
        safety = "refused"
    return {
        "stop_country": country,
        "stop_place": place,
        "stop_transport": draw.choices(("bus", "car", "truck", "motorcycle", "walking"), (44, 26, 18, 6, 6))[0],
        "stop_days": draw.choices((1, 3, 7, 21, 60, 180), (20, 24, 22, 16, 12, 6))[0],
        "stop_safety": safety,
        "stop_incidents": incidents,
    }


# ------------------------------------------------------------------------------------------------ Kobo's shape


@dataclass(frozen=True)
class _Column:
    """A column of an export: its header, its question, and for a 0/1 column its choice."""

    header: str
    question: Question
    choice: str = ""

    def cell(self, form: Form, answers: Answers, labels: str | None) -> Any:
        answer = answers.get(self.question.question_code)
        if answer is None or self.question.list_name is None:
            return answer
        if self.choice:
            return int(self.choice in answer)
        texts = form.choices[self.question.list_name]
        many = answer if isinstance(answer, list) else [answer]
        return " ".join(texts[a][labels] if labels else a for a in many)


def _columns(form: Form, repeat: str | None, labels: str | None) -> list[_Column]:
    """The columns of the form's questions; a select_multiple gives a text column, then a 0/1 column per choice."""
    columns: list[_Column] = []
    for question in form.questions.values():
        if question.repeat != repeat or question.question_type in META_TYPES:
            continue
        header = _header(question, labels)
        columns.append(_Column(header, question))
        if question.question_type == "select_multiple" and question.list_name is not None:
            for choice, texts in form.choices[question.list_name].items():
                columns.append(_Column(f"{header}/{texts[labels] if labels else choice}", question, choice))
    return columns


def _header(question: Question, labels: str | None) -> str:
    if labels:
        return question.labels.get(labels) or question.question_code
    return "/".join((*question.groups, question.question_code))


def _main_rows(form: Form, interviews: Sequence[Interview], labels: str | None, label_row: bool) -> Iterable[list[Any]]:
    if labels is not None and labels not in LANGUAGES:
        raise ValueError("labels must be en, fr or ar")
    columns = _columns(form, None, labels)
    head = ("start", "end", "today", "deviceid")
    tail = ("__version__", "_id", "_uuid", "_submission_time", "_validation_status", "_notes", "_status")
    tail_end = ("_submitted_by", "_tags", "_index")
    yield [*head, *(c.header for c in columns), *tail, *tail_end]
    if label_row:
        english = (c.choice or c.question.labels.get("en", c.question.question_code) for c in columns)
        yield [*(None for _ in head), *english, *(None for _ in (*tail, *tail_end))]
    for number, one in enumerate(interviews, start=1):
        submitted = one.ended + timedelta(minutes=90)
        yield [
            one.started.strftime("%Y-%m-%dT%H:%M:%S.000+00:00"),
            one.ended.strftime("%Y-%m-%dT%H:%M:%S.000+00:00"),
            one.today,
            f"ee.synthetic:{one.answers['enumerator_id'].lower()}",
            *(c.cell(form, one.answers, labels) for c in columns),
            VERSION,
            700_000 + number,
            one.uuid,
            submitted.strftime("%Y-%m-%dT%H:%M:%S"),
            None,
            None,
            "submitted_via_web",
            "mhub_field",
            None,
            number,
        ]


def _stop_rows(form: Form, interviews: Sequence[Interview], labels: str | None) -> Iterable[list[Any]]:
    columns = _columns(form, REPEAT, labels)
    tail = ("_index", "_parent_table_name", "_parent_index", "_submission__id", "_submission__uuid")
    yield [*(c.header for c in columns), *tail]
    number = 0
    for parent, one in enumerate(interviews, start=1):
        for stop in one.stops:
            number += 1
            cells = (c.cell(form, stop, labels) for c in columns)
            yield [*cells, number, SHEET, parent, 700_000 + parent, one.uuid]
