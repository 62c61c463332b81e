"""Alembic migrations of our tables, under a version table of their own."""
