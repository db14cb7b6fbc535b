"""Answers in JSON."""

from starlette.responses import Response

from tacita_protocol.statements.statement import Part


def json_answer(body: Part, status: int = 200) -> Response:
    """A model as a JSON response that nobody may cache."""
    return Response(
        body.model_dump_json(), status, headers={"cache-control": "no-store"}, media_type="application/json"
    )
