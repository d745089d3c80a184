"""x"""

from ..verdict import SuiteVerdict


def render(verdict: SuiteVerdict) -> str:
    """x"""
    return ""
