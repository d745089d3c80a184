"""Conformance of an agent, in any language, with the contract of docs/contract.md: what it shows in real rooms."""
