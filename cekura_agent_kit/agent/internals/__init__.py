"""Every private name of livekit-agents that the agent's side uses or replaces, with what happens when it is gone.

- `registered`: a server's entrypoint, for every wrapped agent.
- `framework`: all that only a test needs.
"""
