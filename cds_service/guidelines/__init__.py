"""Criteria, vocabulary, studies and value sets as dated, cited data, and their strict loader."""
