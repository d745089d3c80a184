"""The processes in which rehearsed jobs run (`ctx.proc`)."""

from __future__ import annotations

from livekit.agents import AgentServer, JobProcess

from .internals.job import job_process

__tracebackhide__ = True


class Processes:
    """The processes in which jobs run (`ctx.proc`): one for each server, prewarmed once."""

    def __init__(self) -> None:
        self._processes: dict[int, tuple[AgentServer, JobProcess]] = {}

    def of(self, server: AgentServer | None) -> JobProcess:
        """Return the server's process; its ``setup_fnc`` has run. A job without a server has a process of its own."""
        process = job_process()
        if server is None:
            return process
        if id(server) not in self._processes:
            if server.setup_fnc is not None:
                server.setup_fnc(process)
            self._processes[id(server)] = (server, process)
        return self._processes[id(server)][1]
