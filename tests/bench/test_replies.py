"""The pauses that `bench.voice_reply` times."""

from __future__ import annotations

from bench.voice_reply import replies
from cekura_agent_kit.sandbox.channels.channel import Utterance


def test_a_reply_is_the_pause_between_the_callers_words_and_the_agents_first_answer() -> None:
    talk = [
        Utterance("agent", "Welcome.", 0.2, 1.0),
        Utterance("evaluator", "A table.", 1.5, 2.0),
        Utterance("agent", "For when?", 2.75, 3.5),
        Utterance("agent", "Tell me.", 4.0, 4.5),
        Utterance("evaluator", "Today.", 5.0, 5.5),
        Utterance("evaluator", "At eight.", 5.75, 6.0),
        Utterance("agent", "Booked.", 6.5, 7.0),
    ]
    assert replies(talk) == [0.75, 0.5]
