-- The data dictionary of meta and core: what each table and column means, its unit, its codes. Tables that later
-- migrations add bring their comments with them; a test proves that nothing lacks one.

COMMENT ON TABLE meta.partner IS 'Organisations that send data, as their contracts state them.';
COMMENT ON COLUMN meta.partner.partner_id IS 'Short name; the partner''s prefix in the landing bucket.';
COMMENT ON COLUMN meta.partner.name IS 'Name of the organisation.';
COMMENT ON COLUMN meta.partner.language_code IS 'Language of its receipts: en, fr, ar.';
COMMENT ON COLUMN meta.partner.contact IS 'Whom to ask about its deliveries; analysts do not see it.';

COMMENT ON TABLE meta.source IS 'Kinds of files from partners; each has one contract in expectations/.';
COMMENT ON COLUMN meta.source.source_id IS 'Short name; folder in expectations/ and part of the object key.';
COMMENT ON COLUMN meta.source.partner_id IS 'Partner that sends it (meta.partner).';
COMMENT ON COLUMN meta.source.title_en IS 'Title, English.';
COMMENT ON COLUMN meta.source.title_fr IS 'Title, French.';
COMMENT ON COLUMN meta.source.title_ar IS 'Title, Arabic.';
COMMENT ON COLUMN meta.source.publisher IS 'Who publishes the data and is to be credited.';
COMMENT ON COLUMN meta.source.licence IS 'Terms under which the data may be used.';
COMMENT ON COLUMN meta.source.citation IS 'How to cite the data.';
COMMENT ON COLUMN meta.source.cadence IS
'How often deliveries are expected, an ISO 8601 duration (P1M: monthly); null: no rhythm.';
COMMENT ON COLUMN meta.source.confidentiality IS
'Who may see the data: private, organization, organization-wide, authorization, public.';
COMMENT ON COLUMN meta.source.contract_sha256 IS 'SHA-256 of the contract as it was last read.';
COMMENT ON COLUMN meta.source.updated_at IS 'When the contract last changed here.';

COMMENT ON TABLE meta.delivery IS
'The ledger: every version of every object that landed, and what became of it. Read = loaded + unchanged + '
'rejected + duplicate rows.';
COMMENT ON COLUMN meta.delivery.delivery_id IS 'Number of the delivery, in order of arrival.';
COMMENT ON COLUMN meta.delivery.partner_id IS 'Partner, from the object key.';
COMMENT ON COLUMN meta.delivery.source_id IS 'Source, from the object key; may be one that has no contract.';
COMMENT ON COLUMN meta.delivery.bucket IS 'Bucket of the object.';
COMMENT ON COLUMN meta.delivery.object_key IS 'Key of the object, landing/<partner>/<source>/<file>.';
COMMENT ON COLUMN meta.delivery.object_version IS 'Version of the object: its ETag and the second it was written.';
COMMENT ON COLUMN meta.delivery.size_bytes IS 'Size of the object in bytes.';
COMMENT ON COLUMN meta.delivery.enrolled_by IS 'What told us of it: webhook, sqs, sweep, rebuild; feed: we fetched it.';
COMMENT ON COLUMN meta.delivery.state IS
'received (waits), duplicate (same bytes as another), loaded, quarantined (not loaded, see receipt), failed (our '
'error), superseded, withdrawn.';
COMMENT ON COLUMN meta.delivery.received_at IS 'When it was entered in the ledger.';
COMMENT ON COLUMN meta.delivery.claimed_at IS 'When a worker took it; null: none has it.';
COMMENT ON COLUMN meta.delivery.claimed_by IS 'Worker that has it.';
COMMENT ON COLUMN meta.delivery.n_attempts IS 'How often a worker began to work on it.';
COMMENT ON COLUMN meta.delivery.finished_at IS 'When its verdict was written.';
COMMENT ON COLUMN meta.delivery.sha256 IS 'SHA-256 of its bytes.';
COMMENT ON COLUMN meta.delivery.archive_key IS 'Key of the copy that is kept for ever.';
COMMENT ON COLUMN meta.delivery.layout IS 'Layout of the contract that its file has.';
COMMENT ON COLUMN meta.delivery.as_of IS
'The time its content speaks of: a newer one wins over an older one, whichever came first.';
COMMENT ON COLUMN meta.delivery.engine IS
'What checked its rows: gx (Great Expectations), masks (the same suite compiled, for large files).';
COMMENT ON COLUMN meta.delivery.n_rows_read IS 'Data rows in the file.';
COMMENT ON COLUMN meta.delivery.n_rows_loaded IS 'Rows of which a record was added or changed.';
COMMENT ON COLUMN meta.delivery.n_rows_unchanged IS 'Rows that say what the warehouse already knew.';
COMMENT ON COLUMN meta.delivery.n_rows_rejected IS 'Rows not loaded (meta.reject).';
COMMENT ON COLUMN meta.delivery.n_rows_duplicate IS 'Rows that another row of the same file repeats.';
COMMENT ON COLUMN meta.delivery.n_records_added IS 'Records (rows of core) that are new.';
COMMENT ON COLUMN meta.delivery.n_records_changed IS 'Records that replaced an older state.';
COMMENT ON COLUMN meta.delivery.n_records_unchanged IS 'Records that were there alike.';
COMMENT ON COLUMN meta.delivery.n_records_gone IS
'Records that the delivery no longer states and so removed (snapshots).';
COMMENT ON COLUMN meta.delivery.n_records_older IS 'Records of which the warehouse already had a newer state.';
COMMENT ON COLUMN meta.delivery.duplicate_of IS 'The delivery that had the same bytes.';
COMMENT ON COLUMN meta.delivery.reason IS 'Why it was not loaded: a rule of the receipt.';
COMMENT ON COLUMN meta.delivery.receipt_key IS 'Key of the receipt as JSON; the page is receipt.html beside it.';
COMMENT ON COLUMN meta.delivery.profile IS 'What it covers and adds up to, by layout (counts, no cell): the next delivery is compared with it.';

COMMENT ON TABLE meta.reject IS 'Rows that were not loaded, and why.';
COMMENT ON COLUMN meta.reject.delivery_id IS 'Delivery (meta.delivery).';
COMMENT ON COLUMN meta.reject.row_number IS 'Row of the file as a spreadsheet shows it.';
COMMENT ON COLUMN meta.reject.sheet IS 'Sheet of the workbook; empty: the only or main one.';
COMMENT ON COLUMN meta.reject.rules IS 'Rules that the row breaks.';
COMMENT ON COLUMN meta.reject.columns IS 'Columns that are wrong, as the partner names them.';
COMMENT ON COLUMN meta.reject.provider_values IS
'The offending cells as delivered; null unless the source''s confidentiality allows it. Analysts do not see it.';

COMMENT ON TABLE meta.issue IS 'What was wrong or worth saying about a delivery; the lines of its receipt.';
COMMENT ON COLUMN meta.issue.delivery_id IS 'Delivery (meta.delivery).';
COMMENT ON COLUMN meta.issue.issue_number IS 'Position in the receipt.';
COMMENT ON COLUMN meta.issue.rule IS 'Rule (receipts/messages.yaml has its text).';
COMMENT ON COLUMN meta.issue.severity IS
'hold (the delivery is not loaded), reject (the rows are not), flag (loaded, look at it), note.';
COMMENT ON COLUMN meta.issue.column_name IS 'Column it is about; null: a row or the file.';
COMMENT ON COLUMN meta.issue.n_rows IS 'Rows that it hit; 0: the file as a whole.';
COMMENT ON COLUMN meta.issue.example_rows IS 'The first of those rows, at most twenty.';
COMMENT ON COLUMN meta.issue.parameters IS 'What the message needs besides: names, formats, counts; never a cell.';

COMMENT ON TABLE meta.expectation_result IS 'How each expectation fared on each delivery: the trend of quality.';
COMMENT ON COLUMN meta.expectation_result.delivery_id IS 'Delivery (meta.delivery).';
COMMENT ON COLUMN meta.expectation_result.result_number IS 'Position in the results.';
COMMENT ON COLUMN meta.expectation_result.suite IS 'Suite of expectations, a file in expectations/.';
COMMENT ON COLUMN meta.expectation_result.expectation_type IS
'Type of the expectation, as Great Expectations names it.';
COMMENT ON COLUMN meta.expectation_result.column_name IS 'Column that was checked; null: several, or the table.';
COMMENT ON COLUMN meta.expectation_result.severity IS 'critical (rejects or holds), warning (flags), info (notes).';
COMMENT ON COLUMN meta.expectation_result.engine IS 'What checked it: gx or masks.';
COMMENT ON COLUMN meta.expectation_result.n_checked IS 'Values or rows checked.';
COMMENT ON COLUMN meta.expectation_result.n_failed IS 'Values or rows among them that failed.';

COMMENT ON TABLE meta.refused_consent IS
'Records of which a delivery says that the person does not consent: no older delivery''s state of them may stand in core.';
COMMENT ON COLUMN meta.refused_consent.delivery_id IS 'Delivery (meta.delivery) that says so.';
COMMENT ON COLUMN meta.refused_consent.source_id IS 'Source (meta.source).';
COMMENT ON COLUMN meta.refused_consent.core_table IS 'Table of core that must not hold it.';
COMMENT ON COLUMN meta.refused_consent.key_sha256 IS 'SHA-256 of the record key, in hex: the key itself is not kept.';

COMMENT ON TABLE meta.snapshot IS
'Deliveries that state everything there is for a scope and period: what they do not state is gone.';
COMMENT ON COLUMN meta.snapshot.delivery_id IS 'Delivery (meta.delivery).';
COMMENT ON COLUMN meta.snapshot.source_id IS 'Source (meta.source).';
COMMENT ON COLUMN meta.snapshot.core_table IS 'Table of core that it states.';
COMMENT ON COLUMN meta.snapshot.scope IS 'Columns and their values within which it is complete; {}: the whole source.';
COMMENT ON COLUMN meta.snapshot.period_from IS 'First day that it covers; null: no limit.';
COMMENT ON COLUMN meta.snapshot.period_to IS 'Last day that it covers; null: no limit.';

COMMENT ON TABLE meta.touched_partition IS
'Partitions of trend tables that deliveries touched since their last refresh.';
COMMENT ON COLUMN meta.touched_partition.trend_table IS 'Table of schema trends.';
COMMENT ON COLUMN meta.touched_partition.partition_key IS 'Partition: a month, a year, an operation, a country.';
COMMENT ON COLUMN meta.touched_partition.delivery_id IS 'Delivery that touched it (meta.delivery).';
COMMENT ON COLUMN meta.touched_partition.touched_at IS 'When it did, last.';

COMMENT ON TABLE meta.refresh IS 'What each refresh did to a trend table.';
COMMENT ON COLUMN meta.refresh.refresh_id IS 'Number of the refresh.';
COMMENT ON COLUMN meta.refresh.trend_table IS 'Table of schema trends.';
COMMENT ON COLUMN meta.refresh.is_full IS 'Whether all partitions were computed.';
COMMENT ON COLUMN meta.refresh.started_at IS 'When it started.';
COMMENT ON COLUMN meta.refresh.finished_at IS 'When it was done.';
COMMENT ON COLUMN meta.refresh.n_partitions IS 'Partitions computed.';
COMMENT ON COLUMN meta.refresh.n_cells_before IS 'Cells of those partitions before.';
COMMENT ON COLUMN meta.refresh.n_cells_after IS 'Cells of those partitions after.';
COMMENT ON COLUMN meta.refresh.deliveries IS 'Deliveries whose touch it answered.';
COMMENT ON COLUMN meta.refresh.checks IS
'Checks that ran: name, number of partitions with a problem, and the first of them.';
COMMENT ON COLUMN meta.refresh.is_swapped IS 'False where a check failed: the old figures were kept.';
COMMENT ON COLUMN meta.refresh.definition IS
'SHA-256 of what defines the figures; when it changes, the next refresh is full.';

COMMENT ON TABLE core.country IS 'Countries and territories, and codes for people of none.';
COMMENT ON COLUMN core.country.country_code IS 'ISO 3166-1 alpha-3; XKX Kosovo; UKN various or unknown, STA stateless.';
COMMENT ON COLUMN core.country.iso2_code IS 'ISO 3166-1 alpha-2.';
COMMENT ON COLUMN core.country.m49_code IS 'UN M49 code, three digits.';
COMMENT ON COLUMN core.country.name_en IS 'Name, English.';
COMMENT ON COLUMN core.country.name_fr IS 'Name, French.';
COMMENT ON COLUMN core.country.name_ar IS 'Name, Arabic.';
COMMENT ON COLUMN core.country.region IS 'Region of the world.';
COMMENT ON COLUMN core.country.is_country IS 'False for the codes of people of no (known) country.';

COMMENT ON TABLE core.code IS 'Code lists: the values of the columns that end in _code.';
COMMENT ON COLUMN core.code.domain IS 'List: route, population_type, cause, …; the column''s name without _code.';
COMMENT ON COLUMN core.code.code IS 'Code.';
COMMENT ON COLUMN core.code.label_en IS 'Label, English.';
COMMENT ON COLUMN core.code.label_fr IS 'Label, French.';
COMMENT ON COLUMN core.code.label_ar IS 'Label, Arabic.';

COMMENT ON TABLE core.question IS 'Questions of the survey forms.';
COMMENT ON COLUMN core.question.source_id IS 'Survey (meta.source).';
COMMENT ON COLUMN core.question.question_code IS 'Name of the question in the form; key in core.interview.answers.';
COMMENT ON COLUMN core.question.question_type IS 'Type in the XLSForm: select_one, select_multiple, integer, text, …';
COMMENT ON COLUMN core.question.theme IS 'Theme of the form that it belongs to.';
COMMENT ON COLUMN core.question.label_en IS 'Wording, English.';
COMMENT ON COLUMN core.question.label_fr IS 'Wording, French.';
COMMENT ON COLUMN core.question.label_ar IS 'Wording, Arabic.';
COMMENT ON COLUMN core.question.relevant IS
'Condition under which it is asked, as the XLSForm states it; null: always.';
COMMENT ON COLUMN core.question.list_name IS 'List of choices (core.choice); null: free answer.';

COMMENT ON TABLE core.choice IS 'Choices of the survey questions.';
COMMENT ON COLUMN core.choice.source_id IS 'Survey (meta.source).';
COMMENT ON COLUMN core.choice.list_name IS 'List that the choice belongs to.';
COMMENT ON COLUMN core.choice.choice_code IS 'Code of the choice, as it stands in core.interview.answers.';
COMMENT ON COLUMN core.choice.label_en IS 'Wording, English.';
COMMENT ON COLUMN core.choice.label_fr IS 'Wording, French.';
COMMENT ON COLUMN core.choice.label_ar IS 'Wording, Arabic.';

COMMENT ON TABLE core.incident IS
'Incidents in which people on the move died, went missing or were harmed: one row per incident and source. Two '
'sources may tell of the same incident. Figures are minimum estimates.';
COMMENT ON COLUMN core.incident.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.incident.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.incident.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.incident.row_number IS
'Row of the delivered file as a spreadsheet shows it, 1-based; for JSON the position in the list.';
COMMENT ON COLUMN core.incident.provider_incident_id IS 'The source''s own id of the incident.';
COMMENT ON COLUMN core.incident.provider_main_id IS 'The source''s id of the event that a split incident belongs to.';
COMMENT ON COLUMN core.incident.incident_date IS
'Day of the incident, or the day it was reported where only that is known.';
COMMENT ON COLUMN core.incident.country_code IS
'Country of incident; null: unknown or at sea, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.incident.provider_country IS 'Country of incident as the source writes it.';
COMMENT ON COLUMN core.incident.region_code IS 'Region of incident (core.code, domain region); null: not in our list.';
COMMENT ON COLUMN core.incident.provider_region IS 'Region of incident as the source names it.';
COMMENT ON COLUMN core.incident.route_code IS 'Migration route (core.code, domain route); null: none stated.';
COMMENT ON COLUMN core.incident.provider_route IS 'Route as the source writes it.';
COMMENT ON COLUMN core.incident.origin_code IS
'Country of origin of the people; null: several or unknown, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.incident.provider_origin IS 'Country of origin as the source writes it.';
COMMENT ON COLUMN core.incident.region_code IS 'Region of incident (core.code, domain region); null: not in our list.';
COMMENT ON COLUMN core.incident.provider_region_origin IS 'Region of origin as the source names it.';
COMMENT ON COLUMN core.incident.n_dead IS 'People found dead; null: not stated.';
COMMENT ON COLUMN core.incident.n_missing IS 'People missing, presumed dead; null: not stated.';
COMMENT ON COLUMN core.incident.n_dead_and_missing IS
'Dead and missing together, as the source totals them; null: not stated.';
COMMENT ON COLUMN core.incident.n_survivors IS 'Survivors; null: not stated.';
COMMENT ON COLUMN core.incident.n_female IS 'Women and girls among the dead and missing; null: not stated.';
COMMENT ON COLUMN core.incident.n_male IS 'Men and boys among the dead and missing; null: not stated.';
COMMENT ON COLUMN core.incident.n_children IS 'Children among the dead and missing; null: not stated.';
COMMENT ON COLUMN core.incident.cause_code IS 'Cause (core.code, domain cause).';
COMMENT ON COLUMN core.incident.provider_cause IS 'Cause as the source writes it.';
COMMENT ON COLUMN core.incident.provider_location IS 'Place as the source describes it.';
COMMENT ON COLUMN core.incident.latitude IS 'Latitude of the place, degrees north (WGS 84); often approximate.';
COMMENT ON COLUMN core.incident.longitude IS 'Longitude of the place, degrees east (WGS 84); often approximate.';
COMMENT ON COLUMN core.incident.information_source IS 'Who told of the incident, as the source cites it.';
COMMENT ON COLUMN core.incident.url IS 'Link that the source gives.';
COMMENT ON COLUMN core.incident.source_quality IS
'How well attested, 1 (one media report) to 5 (official, or several witnesses); null: not rated.';
COMMENT ON COLUMN core.incident.provider_source_quality IS 'Rating as the source writes it.';
COMMENT ON COLUMN core.incident.description IS 'What happened, in the source''s words.';

COMMENT ON TABLE core.population IS 'People of concern to UNHCR at the end of a year, by origin and asylum.';
COMMENT ON COLUMN core.population.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.population.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.population.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.population.row_number IS
'Row of the delivered file as a spreadsheet shows it, 1-based; for JSON the position in the list.';
COMMENT ON COLUMN core.population.dataset_code IS
'totals (by type), demographics (also by sex and age), assisted (those UNHCR assists); never add them up.';
COMMENT ON COLUMN core.population.year IS 'Year; figures are those at its end.';
COMMENT ON COLUMN core.population.origin_code IS
'Country of origin; UKN: various or unknown, STA: stateless, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.population.provider_origin IS 'Country of origin as the source writes it.';
COMMENT ON COLUMN core.population.asylum_code IS 'Country of asylum or residence, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.population.provider_asylum IS 'Country of asylum as the source writes it.';
COMMENT ON COLUMN core.population.population_type_code IS
'Kind of people (core.code, domain population_type): refugees, asylum-seekers, internally displaced, returned, '
'stateless, others, …';
COMMENT ON COLUMN core.population.sex_code IS 'female, male, unknown, or all where the source does not split.';
COMMENT ON COLUMN core.population.age_group IS 'Ages from-to as the source splits them, or all.';
COMMENT ON COLUMN core.population.provider_location IS 'Place within the country of asylum as the source writes it.';
COMMENT ON COLUMN core.population.provider_urban_rural IS 'Urban, rural or various, as the source writes it.';
COMMENT ON COLUMN core.population.provider_accommodation IS 'Kind of accommodation, as the source writes it.';
COMMENT ON COLUMN core.population.n_persons IS 'People; null where the source withholds the figure.';
COMMENT ON COLUMN core.population.n_persons_low IS
'Least that n_persons can be: 1 where it is withheld (*), else n_persons.';
COMMENT ON COLUMN core.population.n_persons_high IS
'Most that n_persons can be: 4 where it is withheld (*), else n_persons.';
COMMENT ON COLUMN core.population.is_withheld IS
'Whether the source withholds the figure to protect people (published as *).';

COMMENT ON TABLE core.asylum_application IS 'Asylum applications lodged in a year, by origin and asylum.';
COMMENT ON COLUMN core.asylum_application.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.asylum_application.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.asylum_application.delivery_id IS
'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.asylum_application.row_number IS
'Row of the delivered file as a spreadsheet shows it, 1-based; for JSON the position in the list.';
COMMENT ON COLUMN core.asylum_application.year IS 'Year in which they were lodged.';
COMMENT ON COLUMN core.asylum_application.origin_code IS
'Country of origin; UKN: various or unknown, STA: stateless, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.asylum_application.provider_origin IS 'Country of origin as the source writes it.';
COMMENT ON COLUMN core.asylum_application.asylum_code IS
'Country where they were lodged, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.asylum_application.provider_asylum IS 'Country of asylum as the source writes it.';
COMMENT ON COLUMN core.asylum_application.procedure_code IS 'Who decides: G government, U UNHCR, J both.';
COMMENT ON COLUMN core.asylum_application.application_type_code IS
'Kind of application: N new, R repeat, A appeal, and others of the source.';
COMMENT ON COLUMN core.asylum_application.decision_level_code IS
'Level at which it was lodged, in the source''s codes (FI: first instance, …).';
COMMENT ON COLUMN core.asylum_application.unit_code IS 'P persons, C cases (a case may be several persons).';
COMMENT ON COLUMN core.asylum_application.n_applied IS
'Applications in unit_code; null where the source withholds the figure.';
COMMENT ON COLUMN core.asylum_application.n_applied_low IS 'Least that n_applied can be.';
COMMENT ON COLUMN core.asylum_application.n_applied_high IS 'Most that n_applied can be.';
COMMENT ON COLUMN core.asylum_application.is_withheld IS
'Whether the source withholds the figure to protect people (published as *).';

COMMENT ON TABLE core.flow IS
'People counted on the move in a period: arrivals, detections at borders, movements at monitoring points. Counts '
'of crossings: some people are counted twice.';
COMMENT ON COLUMN core.flow.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.flow.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.flow.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.flow.row_number IS
'Row of the delivered file as a spreadsheet shows it, 1-based; for JSON the position in the list.';
COMMENT ON COLUMN core.flow.flow_type_code IS
'arrival (registered on arrival), detection (illegal border-crossing found), movement (seen at a monitoring '
'point).';
COMMENT ON COLUMN core.flow.period_start IS 'First day of the count.';
COMMENT ON COLUMN core.flow.period_end IS 'Last day of the count.';
COMMENT ON COLUMN core.flow.origin_code IS
'Nationality or country of origin; null: not stated, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.flow.provider_origin IS 'Nationality or origin as the source writes it.';
COMMENT ON COLUMN core.flow.destination_code IS
'Country of arrival; null: not stated, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.flow.provider_destination IS 'Country of arrival as the source writes it.';
COMMENT ON COLUMN core.flow.provider_place IS 'Place of the count as the source writes it.';
COMMENT ON COLUMN core.flow.route_code IS 'Migration route (core.code, domain route); null: none stated.';
COMMENT ON COLUMN core.flow.provider_route IS 'Route as the source writes it.';
COMMENT ON COLUMN core.flow.border_type_code IS 'land, sea, air, or all where the source does not split.';
COMMENT ON COLUMN core.flow.n_persons IS 'People counted (crossings).';

COMMENT ON TABLE core.displacement IS
'Displaced people and others present in a place, by round of assessment. Each round is a stock: rounds, admin '
'levels and kinds of assessment never add up.';
COMMENT ON COLUMN core.displacement.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.displacement.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.displacement.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.displacement.row_number IS
'Row of the delivered file as a spreadsheet shows it, 1-based; for JSON the position in the list.';
COMMENT ON COLUMN core.displacement.operation IS 'Operation of the assessments, as the source names it.';
COMMENT ON COLUMN core.displacement.round_number IS 'Round within the operation; null: the source numbers none.';
COMMENT ON COLUMN core.displacement.reporting_date IS 'Day that the figures speak of.';
COMMENT ON COLUMN core.displacement.assessment_type IS
'Kind of assessment: BA baseline, SA site, and others of the source.';
COMMENT ON COLUMN core.displacement.country_code IS 'Country where the people are, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.displacement.admin_level IS 'Level of the place, 0 (country) to 5.';
COMMENT ON COLUMN core.displacement.place_code IS 'P-code of the place; null: not known.';
COMMENT ON COLUMN core.displacement.provider_admin1 IS 'First-level area as the source writes it.';
COMMENT ON COLUMN core.displacement.provider_admin2 IS 'Second-level area as the source writes it.';
COMMENT ON COLUMN core.displacement.provider_admin3 IS 'Third-level area as the source writes it.';
COMMENT ON COLUMN core.displacement.provider_place IS 'Place as the source writes it.';
COMMENT ON COLUMN core.displacement.latitude IS 'Latitude of the place, degrees north (WGS 84).';
COMMENT ON COLUMN core.displacement.longitude IS 'Longitude of the place, degrees east (WGS 84).';
COMMENT ON COLUMN core.displacement.population_group_code IS
'idp (internally displaced), returnee (within the country), returnee-abroad, refugee, migrant, host.';
COMMENT ON COLUMN core.displacement.origin_code IS
'Nationality or country of origin; null: not stated, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.displacement.provider_origin IS 'Nationality or origin as the source writes it.';
COMMENT ON COLUMN core.displacement.origin_place_code IS 'P-code of the place of origin; null: not known.';
COMMENT ON COLUMN core.displacement.provider_origin_place IS 'Place of origin as the source writes it.';
COMMENT ON COLUMN core.displacement.reason_code IS 'Reason of displacement (core.code, domain reason).';
COMMENT ON COLUMN core.displacement.provider_reason IS 'Reason as the source writes it.';
COMMENT ON COLUMN core.displacement.n_persons IS 'People; null: not stated.';
COMMENT ON COLUMN core.displacement.n_households IS 'Households; null: not stated.';
COMMENT ON COLUMN core.displacement.n_male IS 'Men and boys; null: not stated.';
COMMENT ON COLUMN core.displacement.n_female IS 'Women and girls; null: not stated.';
COMMENT ON COLUMN core.displacement.provider_reliability IS
'How reliable the source holds the figure, in its own words.';

COMMENT ON TABLE core.interview IS
'Interviews with people on the move who consented; one row per interview. Samples are purposive: figures describe '
'the people interviewed.';
COMMENT ON COLUMN core.interview.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.interview.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.interview.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.interview.row_number IS
'Row of the delivered file as a spreadsheet shows it, 1-based; for JSON the position in the list.';
COMMENT ON COLUMN core.interview.form_version IS 'Version of the form.';
COMMENT ON COLUMN core.interview.round_code IS 'Round of the survey, first and last month: 2016-03/2016-05.';
COMMENT ON COLUMN core.interview.interview_date IS 'Local day of the interview.';
COMMENT ON COLUMN core.interview.started_at IS 'When the interview started.';
COMMENT ON COLUMN core.interview.ended_at IS 'When the interview ended.';
COMMENT ON COLUMN core.interview.interview_country_code IS
'Country of the interview, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.interview.place_code IS 'P-code of the place of the interview; null: not known.';
COMMENT ON COLUMN core.interview.provider_place IS 'Place of the interview as the form writes it.';
COMMENT ON COLUMN core.interview.sex_code IS 'female, male, other, unknown.';
COMMENT ON COLUMN core.interview.age IS 'Age in years; null: not said.';
COMMENT ON COLUMN core.interview.age_group IS
'Age in years from-to, as the indicators split it; unknown where it was not said.';
COMMENT ON COLUMN core.interview.nationality_code IS 'Nationality; null: not said, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.interview.departure_country_code IS
'Country where the journey began; null: not said, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.interview.destination_country_code IS
'Country where the person wants to go; null: not said, or none, ISO 3166-1 alpha-3 (core.country).';
COMMENT ON COLUMN core.interview.enumerator_hash IS
'Keyed hash of the enumerator, to find patterns of one; analysts do not see it.';
COMMENT ON COLUMN core.interview.answers IS
'Answers by question code (core.question): a code, an array of codes, a number or a text.';
COMMENT ON COLUMN core.interview.stops IS 'Stops of the journey in order, each an object of answers.';

COMMENT ON TABLE core.data_collection IS
'Register: which organisation collects which data on people on the move, where, since when, how often.';
COMMENT ON COLUMN core.data_collection.source_id IS 'Source that states the record (meta.source).';
COMMENT ON COLUMN core.data_collection.record_key IS
'What identifies the record within its source (the contract''s record_key, parts joined by |); a later delivery''s '
'record of the same key replaces it.';
COMMENT ON COLUMN core.data_collection.delivery_id IS 'Delivery that states the record as it stands (meta.delivery).';
COMMENT ON COLUMN core.data_collection.row_number IS
'Row of the delivered file as a spreadsheet shows it, 1-based; for JSON the position in the list.';
COMMENT ON COLUMN core.data_collection.provider_collection_id IS 'The register''s own id of the collection.';
COMMENT ON COLUMN core.data_collection.title IS 'Title of the collection.';
COMMENT ON COLUMN core.data_collection.organisation IS 'Who collects.';
COMMENT ON COLUMN core.data_collection.mandating_body IS 'On whose behalf.';
COMMENT ON COLUMN core.data_collection.donor IS 'Who pays.';
COMMENT ON COLUMN core.data_collection.country_codes IS
'Countries covered, ISO 3166-1 alpha-3 (core.country); empty: worldwide, or not stated.';
COMMENT ON COLUMN core.data_collection.provider_country IS 'Countries as the register writes them.';
COMMENT ON COLUMN core.data_collection.provider_place IS 'Places as the register writes them.';
COMMENT ON COLUMN core.data_collection.topic IS 'What it is about.';
COMMENT ON COLUMN core.data_collection.displacement_type IS 'Kind of displacement that it is about.';
COMMENT ON COLUMN core.data_collection.method IS 'How data are collected.';
COMMENT ON COLUMN core.data_collection.product_type IS 'What comes out: data set, report, map, …';
COMMENT ON COLUMN core.data_collection.collected_from IS 'First day of collection.';
COMMENT ON COLUMN core.data_collection.collected_to IS 'Last day of collection; null: it goes on, or not stated.';
COMMENT ON COLUMN core.data_collection.frequency IS 'How often.';
COMMENT ON COLUMN core.data_collection.status IS 'Whether it is planned, running or done, as the register writes it.';
COMMENT ON COLUMN core.data_collection.contact IS 'Whom to ask; analysts do not see it.';
COMMENT ON COLUMN core.data_collection.url IS 'Where to find it.';
