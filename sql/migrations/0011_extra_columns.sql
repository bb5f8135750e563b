-- Where a contract keeps the columns that it does not know (unknown_columns: keep), their cells stand beside the record.
ALTER TABLE core.incident ADD extra jsonb;
ALTER TABLE core.population ADD extra jsonb;
ALTER TABLE core.asylum_application ADD extra jsonb;
ALTER TABLE core.flow ADD extra jsonb;
ALTER TABLE core.displacement ADD extra jsonb;
ALTER TABLE core.interview ADD extra jsonb;
ALTER TABLE core.data_collection ADD extra jsonb;

COMMENT ON COLUMN core.incident.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
COMMENT ON COLUMN core.population.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
COMMENT ON COLUMN core.asylum_application.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
COMMENT ON COLUMN core.flow.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
COMMENT ON COLUMN core.displacement.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
COMMENT ON COLUMN core.interview.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
COMMENT ON COLUMN core.data_collection.extra IS
'Cells of columns that no column of ours takes, by header, where the contract keeps them.';
