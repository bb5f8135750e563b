"""The tables of records in `core`: their columns, and which must be filled.

The database is the authority (`sql/migrations`); a test holds this list equal to it. It stands here because a file is
checked without a database too.
"""

from __future__ import annotations

from dataclasses import dataclass

PROVENANCE = ("source_id", "record_key", "delivery_id", "row_number")


@dataclass(frozen=True)
class CoreTable:
    """A table of records: column → Postgres type (without provenance columns), those that are NOT NULL, defaults."""

    name: str
    columns: dict[str, str]
    required: frozenset[str]
    defaults: dict[str, str]


def _table(name: str, text: str) -> CoreTable:
    """A table from lines `column type[!][=default]`: `!` is NOT NULL."""
    columns: dict[str, str] = {}
    required = set()
    defaults = {}
    for line in text.split("\n"):
        if line.strip():
            column, kind = line.split()
            kind, _, default = kind.partition("=")
            if kind.endswith("!"):
                required.add(column)
            if default:
                defaults[column] = default
            columns[column] = kind.rstrip("!")
    return CoreTable(name, columns, frozenset(required), defaults)


TABLES: dict[str, CoreTable] = {
    table.name: table
    for table in (
        _table(
            "incident",
            """
            provider_incident_id text
            provider_main_id text
            incident_date date!
            country_code text
            provider_country text
            region_code text
            provider_region text
            route_code text
            provider_route text
            origin_code text
            provider_origin text
            provider_region_origin text
            n_dead integer
            n_missing integer
            n_dead_and_missing integer
            n_survivors integer
            n_female integer
            n_male integer
            n_children integer
            cause_code text
            provider_cause text
            provider_location text
            latitude double
            longitude double
            information_source text
            url text
            source_quality smallint
            provider_source_quality text
            description text
            extra jsonb
            """,
        ),
        _table(
            "population",
            """
            dataset_code text!
            year smallint!
            origin_code text!
            provider_origin text!
            asylum_code text!
            provider_asylum text!
            population_type_code text!
            sex_code text!=all
            age_group text!=all
            provider_location text
            provider_urban_rural text
            provider_accommodation text
            n_persons integer
            n_persons_low integer!
            n_persons_high integer!
            is_withheld boolean!=false
            extra jsonb
            """,
        ),
        _table(
            "asylum_application",
            """
            year smallint!
            origin_code text!
            provider_origin text!
            asylum_code text!
            provider_asylum text!
            procedure_code text
            application_type_code text
            decision_level_code text
            unit_code text
            n_applied integer
            n_applied_low integer!
            n_applied_high integer!
            is_withheld boolean!=false
            extra jsonb
            """,
        ),
        _table(
            "flow",
            """
            flow_type_code text!
            period_start date!
            period_end date!
            origin_code text
            provider_origin text
            destination_code text
            provider_destination text
            provider_place text
            route_code text
            provider_route text
            border_type_code text!=all
            n_persons integer!
            extra jsonb
            """,
        ),
        _table(
            "displacement",
            """
            operation text!
            round_number integer
            reporting_date date!
            assessment_type text
            country_code text!
            admin_level smallint!
            place_code text
            provider_admin1 text
            provider_admin2 text
            provider_admin3 text
            provider_place text
            latitude double
            longitude double
            population_group_code text!
            origin_code text
            provider_origin text
            origin_place_code text
            provider_origin_place text
            reason_code text
            provider_reason text
            n_persons integer
            n_households integer
            n_male integer
            n_female integer
            provider_reliability text
            extra jsonb
            """,
        ),
        _table(
            "interview",
            """
            form_version text
            round_code text!
            interview_date date!
            started_at timestamptz
            ended_at timestamptz
            interview_country_code text!
            place_code text
            provider_place text
            sex_code text!
            age smallint
            age_group text!
            nationality_code text
            departure_country_code text
            destination_country_code text
            enumerator_hash text
            answers jsonb!
            stops jsonb!=[]
            repeats jsonb!={}
            extra jsonb
            """,
        ),
        _table(
            "interview_item",
            """
            interview_key text!
            repeat_code text!
            answers jsonb!
            extra jsonb
            """,
        ),
        _table(
            "form_question",
            """
            form_code text!
            form_version text
            question_code text!
            question_type text!
            list_name text
            group_path text
            repeat_code text
            theme text
            labels jsonb!
            is_required boolean!=false
            relevant text
            group_relevant text
            constraint_expression text
            choice_filter text
            calculation text
            is_sensitive boolean!=false
            extra jsonb
            """,
        ),
        _table(
            "form_choice",
            """
            form_code text!
            list_name text!
            choice_code text!
            labels jsonb!
            filters jsonb!={}
            extra jsonb
            """,
        ),
        _table(
            "correction",
            """
            corrects_source text!
            interview_key text!
            question_code text
            old_value text
            new_value text
            action_code text!
            issue text
            check_code text
            logged_on date
            extra jsonb
            """,
        ),
        _table(
            "data_collection",
            """
            provider_collection_id text
            title text!
            organisation text!
            mandating_body text
            donor text
            country_codes text[]!
            provider_country text
            provider_place text
            topic text
            displacement_type text
            method text
            product_type text
            collected_from date
            collected_to date
            frequency text
            status text
            contact text
            url text
            extra jsonb
            """,
        ),
        _table(
            "place",
            """
            list_code text!
            place_code text!
            country_code text!
            admin_level smallint!
            name text!
            name_en text
            name_fr text
            name_ar text
            alternative_name text
            parent_code text
            provider_parent text
            place_type text
            latitude double
            longitude double
            valid_from date
            geometry jsonb
            extra jsonb
            """,
        ),
        _table(
            "place_code_length",
            """
            country_code text!
            admin_level smallint!
            code_lengths text!
            extra jsonb
            """,
        ),
        _table(
            "activity",
            """
            provider_activity_id text
            organisation text!
            project_code text
            sector text
            subsector text
            title text
            objective text
            country_code text
            provider_country text
            provider_admin1 text
            provider_admin2 text
            place_code text
            latitude double
            longitude double
            period_start date
            period_end date
            provider_period text
            reported_date date
            status text
            indicator text
            target_value double
            achieved_value double
            n_targeted_female integer
            n_targeted_male integer
            n_affected integer
            url text
            extra jsonb
            """,
        ),
        _table(
            "statistic",
            """
            dataset_code text!
            theme text
            subtheme text
            population_group text
            indicator text!
            subset text
            country_code text
            provider_country text
            admin_level smallint!=0
            provider_admin1 text
            place_code text
            period_start date
            period_end date
            unit_code text
            value double!
            base_value double
            extra jsonb
            """,
        ),
        _table(
            "verification_rule",
            """
            provider_rule_id text
            stage text
            topic text
            variables text
            description text!
            expression text
            method text
            action text
            status text
            extra jsonb
            """,
        ),
        _table(
            "planned_analysis",
            """
            theme text
            variable text!
            analysis_code text!
            indicator text!
            dataset text
            subset text
            recall text
            is_weighted boolean
            excludes_missing boolean
            function_name text
            extra jsonb
            """,
        ),
        _table(
            "country_term",
            """
            provider_country_id text!
            country_code text
            name_country_code text
            iso2_code text
            m49_code text
            name_en text!
            name_fr text
            name_ar text
            formal_name_en text
            region text
            subregion text
            income_level text
            currency_code text
            has_response_plan boolean
            is_deprecated boolean
            valid_from date
            extra jsonb
            """,
        ),
    )
}
