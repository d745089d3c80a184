"""Files that tests read; none of them is a test of this repo."""

collect_ignore_glob = ["*"]
