"""From a partner's words to ours: columns, types, codes, countries and interviews, a chunk of rows at a time."""
