"""How are the README's pictures made? `python -m tests.browser` makes them anew by the tests."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.browser.desk import ARTIFACTS

HERE = Path(__file__).parent
IMAGES = HERE.parents[1] / "notebooks" / "images"
PICTURES = {
    # in notebooks/images: what a test keeps in tests/artifacts
    "quickstart.png": "quickstart-light.png",
    "controls.png": "controls.png",
}

if __name__ == "__main__":
    if failed := pytest.main(["-q", str(HERE / "test_pictures.py")]):
        sys.exit(failed)
    for name, kept in PICTURES.items():
        shutil.copy(ARTIFACTS / kept, IMAGES / name)
