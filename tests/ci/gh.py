"""The program ``gh`` in the place of GitHub's: comments of one pull request, and artifacts.

Its state is the folder ``GH_STATE``: ``comments.json``, ``artifacts.json``, and a folder of files for each artifact.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

STATE = Path(os.environ["GH_STATE"])


def main(arguments: list[str]) -> int:
    """Do one command."""
    assert os.environ.get("GH_TOKEN"), "gh needs a token"
    assert os.environ.get("GH_REPO"), "gh needs a repository"
    with (STATE / "commands").open("a") as log:
        log.write(" ".join(arguments) + "\n")
    if arguments[:2] == ["run", "download"]:
        return download(arguments[2], **options(arguments[3:]))
    assert arguments[0] == "api"
    return api(arguments[1:])


def options(arguments: list[str]) -> dict[str, str]:
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return {name.removeprefix("--"): value for name, value in pairs}


def download(run: str, *, name: str, dir: str) -> int:
    files = STATE / f"{name}-{run}"
    if not files.is_dir():
        return 1
    shutil.copytree(files, dir)
    return 0


def api(arguments: list[str]) -> int:
    path = next(each for each in arguments if each.startswith("repos/"))
    rest = [each for each in arguments if each not in (path, "--silent", "--paginate")]
    given = options(rest)
    method = given.get("method", "GET")
    path = path.removeprefix(f"repos/{os.environ['GH_REPO']}/")
    file = STATE / ("artifacts.json" if path.startswith("actions/artifacts") else "comments.json")
    stored: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
    if method == "GET":
        if path.startswith("actions/artifacts") and os.environ.get("GH_REFUSES"):
            print("HTTP 403", file=sys.stderr)
            return 1
        value: Any = {"artifacts": stored} if path.startswith("actions/artifacts") else stored
        return subprocess.run(["jq", "--raw-output", given["jq"]], input=json.dumps(value), text=True).returncode
    body = Path(given["field"].removeprefix("body=@")).read_text()
    if method == "POST":
        assert re.fullmatch(r"issues/\d+/comments", path)
        stored.append({"id": 100 + len(stored), "user": {"login": "github-actions[bot]"}, "body": body})
    else:
        assert method == "PATCH"
        (comment,) = [each for each in stored if each["id"] == int(path.removeprefix("issues/comments/"))]
        comment["body"] = body
    file.write_text(json.dumps(stored))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
