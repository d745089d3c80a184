"""A bare httpx client that sends recorded requests: the least that the same requests cost.

    python -m bench.bare_client RECORDING

Sends each request of `bench.recording`'s file at its time, those of a room one after the other, to the services that
the environment names. Prints the seconds of CPU that it took, and the number of requests, as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import defaultdict
from pathlib import Path

import httpx

from .recording import Request, read_requests


async def main(requests: list[Request]) -> None:
    """Send all."""
    lanes: defaultdict[str, list[Request]] = defaultdict(list)
    for each in requests:
        lanes[each.lane].append(each)
    bases = {"livekit": "http" + os.environ["LIVEKIT_URL"][2:], "cekura": os.environ["CEKURA_API_URL"]}
    ahead = time.monotonic() - requests[0].at

    async def send(lane: list[Request]) -> None:
        nonlocal ahead
        for each in lane:
            await asyncio.sleep(each.at + ahead - time.monotonic())
            # Who cannot keep up falls behind as a whole: no run is started before its room is made.
            ahead = max(ahead, time.monotonic() - each.at)
            reply = await client.request(
                each.method, bases[each.service] + each.path, headers=each.headers, content=bytes.fromhex(each.body)
            )
            assert reply.status_code < 500, f"{each.path}: {reply.status_code}"
            if each.service == "cekura":
                reply.json()

    # As many connections as aiohttp's client has, and all of them kept.
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    headers = {"X-CEKURA-API-KEY": os.environ["CEKURA_API_KEY"]}
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=None) as client:
        await asyncio.gather(*map(send, lanes.values()))


if __name__ == "__main__":
    recorded = read_requests(Path(sys.argv[1]))
    before = time.process_time()
    asyncio.run(main(recorded))
    print(json.dumps({"cpu": time.process_time() - before, "requests": len(recorded)}))
