"""Every private name of livekit and livekit-agents that a rehearsal touches, by subject.

All are the same on livekit-agents 1.6.0 to 1.8.9, with livekit 1.1.8 to 1.1.21: the tests run on these. When one is
gone, a rehearsal ends with an AttributeError or TypeError that is raised in these modules, unless the module names
another consequence. Nothing else in the kit depends on them.

- `rtc`: participants, packets and publications without the native client.
- `job`: a job without a worker.
- `sessions`: what a session does, as it is recorded and called back.
- `models`: the language models that the agent asks.
- `api`: requests to LiveKit's server API.
"""
