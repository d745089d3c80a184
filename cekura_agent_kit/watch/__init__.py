"""The edit loop: rehearsals of an agent's scenarios that run again on each saved file."""
