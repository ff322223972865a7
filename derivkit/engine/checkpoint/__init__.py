"""Finished evaluations kept in a file, and what tells whether they are of the same model."""
