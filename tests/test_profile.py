"""The one knob of the notebooks."""

import re
from pathlib import Path

import pytest

from atp_lite.course.profile import profile, scaled

ROOT = Path(__file__).resolve().parent.parent


def test_ci_is_what_is_meant_where_nothing_is_said(monkeypatch):
    monkeypatch.delenv("ATP_LITE_PROFILE", raising=False)
    assert (profile(), scaled(ci=1, laptop=2, gpu=3)) == ("ci", 1)
    monkeypatch.setenv("ATP_LITE_PROFILE", "")
    assert profile() == "ci"


def test_each_profile_picks_its_value(monkeypatch):
    for name, value in (("ci", 1), ("laptop", 2), ("gpu", 3)):
        monkeypatch.setenv("ATP_LITE_PROFILE", name)
        assert scaled(ci=1, laptop=2, gpu=3) == value
    assert scaled(ci=1, laptop=2) == 2


def test_an_unknown_profile_is_named_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("ATP_LITE_PROFILE", "fast")
    with pytest.raises(ValueError, match="ATP_LITE_PROFILE='fast': choose one of ci, laptop, gpu"):
        scaled(ci=1, laptop=2)


def test_the_variable_is_read_in_one_place():
    code = [p for p in (ROOT / "atp_lite").rglob("*.py") if re.search("ATP_LITE_PROFILE", p.read_text("utf-8"))]
    assert [p.name for p in code] == ["profile.py"]
