"""A recorded talk, for tests."""

from __future__ import annotations

from dataclasses import replace

from cekura_agent_kit.cassettes.exchange import Answer, Asked, Called, Exchange, Fault, Item, Role, Said

HOST = "You are the host of Luigi's.\nAnswer briefly, in one sentence, and never promise what the diary does not have."
TOOLS = {
    "book": {
        "description": "Book a table.",
        "parameters": {"type": "object", "properties": {"name": {"type": "string"}}},
    },
    "check": {
        "description": "Check the diary.",
        "parameters": {"type": "object", "properties": {"day": {"type": "string"}, "people": {"type": "integer"}}},
    },
}

FIRST = Asked(
    "gpt-4.1-mini",
    (
        Item(Role.INSTRUCTIONS, HOST),
        Item(Role.AGENT, "Welcome to Luigi's."),
        Item(Role.USER, "A table for two, please."),
    ),
    TOOLS,
)
SECOND = replace(
    FIRST,
    talk=(
        *FIRST.talk,
        Item(Role.CALL, '{"day": "Friday", "people": 2}', "check"),
        Item(Role.RESULT, "free on Friday", "check"),
    ),
)
THIRD = replace(
    SECOND, talk=(*SECOND.talk, Item(Role.AGENT, "Is it for Friday?"), Item(Role.USER, "My name is Maria."))
)
BOOKING = [
    Exchange(FIRST, Answer((Called("check", {"day": "Friday", "people": 2}),), {"total_tokens": 90})),
    Exchange(SECOND, Answer((Said("Is it for Friday", (3, 13)),))),
    Exchange(THIRD, Answer((Said("One moment."),), {}, Fault(500, "The server had an error"))),
]
