"""The rules, a module for each area; conformance/table.py puts them in order."""
