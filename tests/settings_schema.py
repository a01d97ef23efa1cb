"""The JSON schema of settings files, written from the settings' models: `make schema` does it, a test holds it."""

import json
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema

from orbitile.settings import Settings

SCHEMA_FILE = Path(__file__).parents[1] / "workflow" / "schemas" / "config.schema.json"
HEAD = {
    "$schema": GenerateJsonSchema.schema_dialect,
    "title": "Settings of a run of Orbitile",
    "$comment": "Written from the settings' models (make schema). What depends on several keys, or on files, only "
    "`python -m orbitile check FILE` tells.",
}


class _Untitled(GenerateJsonSchema):
    """Without titles, which say of every key its name once more."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False


def schema_text() -> str:
    """The text of the file."""
    schema = Settings.model_json_schema(schema_generator=_Untitled)
    for section in schema["$defs"].values():
        section.pop("title", None)
    return json.dumps(HEAD | {key: value for key, value in schema.items() if key != "title"}, indent=1) + "\n"


if __name__ == "__main__":
    SCHEMA_FILE.write_text(schema_text())
