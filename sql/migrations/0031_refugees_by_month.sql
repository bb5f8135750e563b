-- Monthly counts of displacement state refugees too, by the country that they fled.
ALTER TABLE core.displacement DROP CONSTRAINT displacement_population_group_code_check;
ALTER TABLE core.displacement ADD CONSTRAINT displacement_population_group_code_check
CHECK (population_group_code IN ('idp', 'returnee', 'returnee-abroad', 'refugee', 'migrant', 'host'));
COMMENT ON COLUMN trends.displacement_round.population_group_code IS
'idp, returnee (within the country), returnee-abroad, refugee, migrant, host.';
COMMENT ON COLUMN trends.displacement_latest.population_group_code IS
'idp, returnee (within the country), returnee-abroad, refugee, migrant, host.';
