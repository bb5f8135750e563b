"""Feeds: deliveries that we fetch from a partner's API or bucket, as the section `feed` of a contract says."""
