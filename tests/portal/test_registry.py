"""A folder of extensions is loaded whole or refused aloud."""

import sys
from abc import ABC, abstractmethod

import pytest

from portal.registry import RegistryError, load_folder


class Shape(ABC):
    key: str

    @abstractmethod
    def sides(self) -> int: ...


HEADER = "from tests.portal.test_registry import Shape\n"
SQUARE = HEADER + "class Square(Shape):\n    def sides(self):\n        return 4\n"


@pytest.fixture
def folder(tmp_path, monkeypatch, request):
    """A package of its own name for each test, on the import path."""
    name = f"shapes_{abs(hash(request.node.name))}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / name / "base.py").write_text("raise RuntimeError('never imported as an extension')\n")
    (tmp_path / name / "_helper.py").write_text("raise RuntimeError('never imported as an extension')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / name
    for module in [module for module in sys.modules if module.startswith(name)]:
        del sys.modules[module]


def test_each_file_gives_one_class_under_its_own_name(folder):
    (folder / "square.py").write_text(SQUARE + "class _Hidden(Square):\n    pass\n")
    (folder / "triangle.py").write_text(SQUARE.replace("Square", "Triangle").replace("4", "3"))
    shapes = load_folder(folder.name, Shape)
    assert {key: (shape.key, shape().sides()) for key, shape in shapes.items()} == {
        "square": ("square", 4),
        "triangle": ("triangle", 3),
    }


def test_an_empty_folder_has_no_extensions(folder):
    assert load_folder(folder.name, Shape) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "it defines none"),
        (SQUARE + "class Cube(Square):\n    pass\n", "it defines Square, Cube"),
        (HEADER, "it defines none"),
        (HEADER + "class Vague(Shape):\n    pass\n", "Vague does not define sides"),
    ],
)
def test_a_file_without_exactly_one_finished_class_is_refused(folder, text, said):
    (folder / "odd.py").write_text(text)
    with pytest.raises(RegistryError, match=said):
        load_folder(folder.name, Shape)


def test_a_class_that_was_only_imported_does_not_count(folder):
    (folder / "square.py").write_text(SQUARE)
    (folder / "second.py").write_text(f"from {folder.name}.square import Square\n")
    with pytest.raises(RegistryError, match=r"second must define exactly one .* it defines none"):
        load_folder(folder.name, Shape)


def test_a_broken_file_stops_the_start(folder):
    (folder / "broken.py").write_text("import a_package_that_nobody_has\n")
    with pytest.raises(ModuleNotFoundError, match="a_package_that_nobody_has"):
        load_folder(folder.name, Shape)


def test_a_single_module_is_no_folder():
    with pytest.raises(RegistryError, match="single module"):
        load_folder("portal.registry", Shape)
