"""Reports of 5,000 cases against 500: reading, merging and rendering take time in proportion to the cases.

It is the command `cekura-kit report` on the reports of five shards, with all files that it can write. The cases are 12
turns long, and some have failed. A case's part is counted beyond a report of few cases, so that starting the command
counts for neither.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from cekura_agent_kit.verdict import Shard, SuiteVerdict
from tests.report.verdicts import many

from .measure import KIT, Figure, interleaved, used_by

MANY, FEW = 5000, 500
SHARDS = 5
LINEAR = 1.2
"""Times a case's part with few cases."""


def bench(*, short: bool) -> list[Figure]:
    """CPU seconds of whole processes, with many cases, with few, and with one a shard, in turn."""
    cases = (20, 10, SHARDS) if short else (MANY, FEW, SHARDS)
    with tempfile.TemporaryDirectory() as folder:
        reports = [_shards(Path(folder), count) for count in cases]
        took = interleaved([lambda files=files: _report(files) for files in reports], repeats=1 if short else 3)  # type: ignore[misc]
    ours, peer = (took.difference(way, 2) / (cases[way] - cases[2]) for way in (0, 1))
    return [
        Figure(
            name=f"report-{cases[0]}",
            ours=ours * 1000,
            peer=peer * 1000,
            ratio=ours / peer,
            unit="ms",
            goal=f"<= {LINEAR} (linear)",
            met=ours / peer <= LINEAR,
            note=f"CPU a case; against {cases[1]} cases; read, merged, and written as JSON, JUnit, Markdown, HTML",
        )
    ]


def _report(files: list[str]) -> float:
    """CPU seconds of the command."""
    kinds = ("json", "junit", "markdown", "html")
    with tempfile.TemporaryDirectory() as folder:
        written = [part for kind in kinds for part in (f"--{kind}", str(Path(folder) / f"report.{kind}"))]
        # Some cases have failed or errored, as the exit code says.
        took = used_by(KIT, "report", *files, *written, codes=(0, 1, 2))
        assert all((Path(folder) / f"report.{kind}").stat().st_size for kind in kinds)
    return took["cpu"]


def _shards(folder: Path, cases: int) -> list[str]:
    """Write the JSON reports of a suite's shards; return their paths."""
    runs, files = many(cases).runs, []
    for index in range(SHARDS):
        report = SuiteVerdict.of(
            runs[index::SHARDS],
            suite="bench",
            suite_id=f"s{index}",
            started_at="2026-11-26T10:00:00.000+00:00",
            duration_s=600.0,
            shard=Shard(index=index + 1, of=SHARDS),
        )
        files.append(folder / f"{cases}-{index}.json")
        files[-1].write_text(report.to_json())
    return [str(file) for file in files]
