"""Builders that the tests share. `tests/support` is in pytest's `pythonpath`.

Not `tests` itself: its folders `launch` and `ros` would pass for packages of these names.
"""
