"""A folder of modules, one class each: the key of an extension is the name of its file.

Loud on anything odd, because an extension that silently vanishes would vanish from a gate.
"""

import importlib
import inspect
import pkgutil
from typing import TypeVar

Extension = TypeVar("Extension")


class RegistryError(Exception):
    """A folder of extensions holds something that cannot be loaded as exactly one class."""


def load_folder(package: str, base: type[Extension]) -> dict[str, type[Extension]]:
    """Import each module of a folder but base.py and _*.py, and give its one public subclass of `base` by its key."""
    folder = importlib.import_module(package)
    if not hasattr(folder, "__path__"):
        raise RegistryError(f"{package} is a single module; extensions need a folder.")
    found: dict[str, type[Extension]] = {}
    for info in sorted(pkgutil.iter_modules(folder.__path__), key=lambda info: info.name):
        key = info.name
        if key == "base" or key.startswith("_"):
            continue
        if key in found:
            raise RegistryError(f"{package} has two files for the key {key!r}.")
        extension = _only_class(f"{package}.{key}", base)
        extension.key = key  # type: ignore[attr-defined]
        found[key] = extension
    return found


def _only_class(module_name: str, base: type[Extension]) -> type[Extension]:
    module = importlib.import_module(module_name)
    classes = [
        item
        for name, item in vars(module).items()
        if inspect.isclass(item)
        and issubclass(item, base)
        and item is not base
        and item.__module__ == module.__name__
        and not name.startswith("_")
    ]
    if len(classes) != 1:
        names = ", ".join(item.__name__ for item in classes) or "none"
        raise RegistryError(
            f"{module_name} must define exactly one public subclass of {base.__name__}; it defines {names}."
        )
    if missing := sorted(getattr(classes[0], "__abstractmethods__", ())):
        raise RegistryError(f"{module_name}: {classes[0].__name__} does not define {', '.join(missing)}.")
    return classes[0]
