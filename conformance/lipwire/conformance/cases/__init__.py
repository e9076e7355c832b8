"""The cases, by role and topic."""
