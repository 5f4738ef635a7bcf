"""What these examples register is there for their own tests, and for no other test of the same process."""

import sys

import pytest

from atp_lite import domains, methods, model, rl  # noqa: F401  (with all their registries)
from atp_lite.registry import Registry

ADDED = []


def registries():
    modules = [module for name, module in sys.modules.items() if name.startswith("atp_lite")]
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Registry)]
    return list({id(registry): registry for registry in found}.values())


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Importing a module of tests registers its examples: they are noted and taken out again."""
    before = {id(registry): set(registry) for registry in registries()}
    report = yield
    for registry in registries() if isinstance(collector, pytest.Module) else ():
        for name in set(registry) - before.get(id(registry), set(registry)):
            ADDED.append((registry, name, registry.pop(name)))
    return report


@pytest.fixture(scope="module", autouse=True)
def examples():
    for registry, name, entry in ADDED:
        registry[name] = entry
    yield
    for registry, name, _ in ADDED:
        del registry[name]
