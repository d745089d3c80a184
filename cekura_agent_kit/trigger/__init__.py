"""The trigger's side, in the repo or in CI."""

import logging

# Python prints warnings of a library without a handler on stderr: here the bare names of its events, for each retry.
logging.getLogger("stamina").addHandler(logging.NullHandler())
