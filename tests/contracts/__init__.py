"""What each of the five services promises; `tests/contract` holds it against a URL."""

import importlib

SERVICES = ("visitors", "countme", "hello", "airquality", "airdata")


def load(service):
    """The Contract of a service."""
    return importlib.import_module(f"contracts.{service}").contract
