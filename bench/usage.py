"""`python -m bench.usage COMMAND …`: run it, and print what it took as one line of JSON, after what it printed.

A process of its own, and a small one: on Linux a process's peak memory counts from that of the one that forked it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time


def main(command: list[str]) -> int:
    """The command's exit code."""
    start = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    took = {
        "cpu": used.ru_utime + used.ru_stime,
        # Linux counts kilobytes, macOS bytes.
        "memory": used.ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10),
        "wall": time.perf_counter() - start,
    }
    print(json.dumps(took), flush=True)
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
