"""The JSON Schema of zones.yaml."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from zoneguard.policy.document import policy_schema
from zoneguard.policy.presets import PRESETS, preset
from zoneguard.policy.yamltext import read_yaml

ROOT = Path(__file__).parents[2]


def listed(value):
    """Give lists for tuples, as JSON has them."""
    if isinstance(value, dict):
        return {key: listed(item) for key, item in value.items()}
    return [listed(item) for item in value] if isinstance(value, tuple) else value


def test_schema_in_the_package_is_the_one_the_model_gives():
    shipped = ROOT / "src/zoneguard/policy/zones.schema.json"
    assert json.loads(shipped.read_text(encoding="utf-8")) == policy_schema()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_fit_the_schema_that_editors_use(name):
    schema = policy_schema()
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(listed(read_yaml(preset(name).encode(), name).value))


def test_schema_refuses_what_the_reader_refuses():
    schema = Draft202012Validator(policy_schema())
    value = listed(read_yaml(preset("alpha").encode(), "alpha").value)
    value["flows"][0]["services"] = ["http"]
    value["zones"]["lgwan"]["rol"] = "lgwan"
    assert len(list(schema.iter_errors(value))) == 2


def test_policy_reads_the_same_as_with_plain_yaml():
    text = preset("beta")
    plain = yaml.safe_load(text)
    assert listed(read_yaml(text.encode(), "beta").value)["zones"] == plain["zones"]
