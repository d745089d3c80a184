"""Verdict of a suite: the model of the JSON report, version 2.

Times are seconds from the suite's start. Every key is always present; null or empty means "not known".
"""

from .failures import blocked as blocked
from .failures import failures as failures
from .failures import shown_value as shown_value
from .outcomes import Kind as Kind
from .outcomes import Outcome as Outcome
from .outcomes import SkipReason
from .pools import PoolId, PoolVerdict, ScenarioVerdict
from .run_verdict import Check, Latency, Line, Metric, RubricRule, RunVerdict, Statement, Timeline
from .suite_verdict import Result, Shard, SuiteVerdict

__all__ = [
    "Check",
    "Kind",
    "Latency",
    "Line",
    "Metric",
    "Outcome",
    "PoolId",
    "PoolVerdict",
    "Result",
    "RubricRule",
    "RunVerdict",
    "ScenarioVerdict",
    "Shard",
    "SkipReason",
    "Statement",
    "SuiteVerdict",
    "Timeline",
]
