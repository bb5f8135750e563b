"""Drafts of contracts: what a file says of itself, and what is guessed from it, each guess with its reason."""
