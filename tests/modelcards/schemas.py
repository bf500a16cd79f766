"""Validators of other people for JSON: a bill of materials of CycloneDX, and any JSON Schema.

They are imported by who validates: forty grammars are built meanwhile, which takes two seconds of the processor, and
each process that shares the tests imports all files of tests.
"""

import json


def problem_of_bill(text):
    """What CycloneDX's own strict validator says against a bill, by the version that it names; None if nothing."""
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    version = SchemaVersion.from_version(json.loads(text)["specVersion"])
    return JsonStrictValidator(version).validate_str(text)


def validator_of(schema):
    """A validator of documents by a schema, which has to be a schema itself."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)
