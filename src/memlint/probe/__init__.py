"""Measures what importing the suite's libraries costs in its own environment, and keeps it for the ranking."""
