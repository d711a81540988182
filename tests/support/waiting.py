"""Waiting for a condition, never for a time."""

import time

PATIENCE = 20  # seconds until a condition that does not come is a failure; sanitizers are slow


def eventually(condition, what="", seconds=PATIENCE):
    """The first true value of condition(). Fails after `seconds`, with what was waited for and the last error."""
    deadline, error = time.monotonic() + seconds, None
    while time.monotonic() < deadline:
        try:
            value = condition()
            if value:
                return value
            error = None
        except (OSError, AssertionError, ValueError, KeyError) as e:
            error = e
        time.sleep(0.01)
    raise AssertionError(f"waited {seconds} s for {what or condition}" + (f"; last: {error!r}" if error else ""))
