"""Workflows and pipelines of CI services, whose own steps are run here."""
