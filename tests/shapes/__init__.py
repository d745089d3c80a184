"""Shapes of agents, as people write them, with speech models that raise when they are called and an instant LLM.

`SHAPES` names each, with what the evaluator says and what it must hear. A real worker (`worker.py`), the rehearsal's
room in memory and the benchmarks all run the same entrypoints.
"""

from . import handoffs, rooms, speech, starts, tools
from .agents import SHAPES, Shape

__all__ = ["SHAPES", "Shape", "handoffs", "rooms", "speech", "starts", "tools"]
