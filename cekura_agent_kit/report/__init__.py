"""A suite's verdict, rendered."""
