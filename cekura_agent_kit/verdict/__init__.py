"""Verdict of a suite: the model of the JSON report, version 2.

Times are seconds from the suite's start. Every key is always present; null or empty means "not known".
`Kind`, `Outcome`, `RunVerdict` and `SuiteVerdict` have their public home in `cekura_agent_kit`; the names in
``__all__`` have theirs here.
"""

from .advice import ADVICE as ADVICE
from .causes import blocked as blocked
from .causes import disapproving as disapproving
from .causes import exception_of as exception_of
from .causes import exceptions as exceptions
from .causes import failures as failures
from .causes import shown_value as shown_value
from .comparison import Baseline, Change, Comparison, PoolComparison, Rate
from .cost import Cost
from .outcomes import Kind as Kind
from .outcomes import Outcome as Outcome
from .outcomes import SkipReason
from .pools import PoolId, PoolVerdict, ScenarioVerdict
from .run_verdict import Check, Latency, Line, Metric, PlayedCaller, RubricRule, Statement, Timeline
from .run_verdict import RunVerdict as RunVerdict
from .suite_verdict import Result, Selected, Shard
from .suite_verdict import SuiteVerdict as SuiteVerdict

__all__ = [
    "Baseline",
    "Change",
    "Check",
    "Comparison",
    "Cost",
    "Latency",
    "Line",
    "Metric",
    "PlayedCaller",
    "PoolComparison",
    "PoolId",
    "PoolVerdict",
    "Rate",
    "Result",
    "RubricRule",
    "ScenarioVerdict",
    "Selected",
    "Shard",
    "SkipReason",
    "Statement",
    "Timeline",
]
