"""The document of the HTTP interface: OpenAPI 3.1, https://spec.openapis.org/oas/v3.1.0."""

from __future__ import annotations

from typing import Any

from asc_cli import __version__

BODY = {
    "required": True,
    "content": {
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "properties": {"file": {"type": "string", "format": "binary"}},
                "required": ["file"],
            }
        },
    },
}
ERRORS = {
    400: "a value of the query, or the form, is wrong",
    401: "a token is needed",
    403: "a page from elsewhere asked",
    404: "there is no such model",
    408: "the recording did not arrive in time",
    413: "the recording is too large",
    421: "the host is not one of this server",
    422: "the recording cannot be read, is too long, or has nothing to answer with",
    503: "too many requests at once; Retry-After says when to ask again",
}


def _parameter(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": text}


SHARED = [
    _parameter("model", {"type": "string"}, "One of GET /models; the first when missing."),
    _parameter("name", {"type": "string"}, "What to call the recording; its ending tells m4a."),
    _parameter(
        "rate", {"type": "integer"}, "Hz: the body is samples without a header, of this rate."
    ),
    _parameter("channels", {"type": "integer", "default": 1}, "Of samples without a header."),
    _parameter(
        "encoding", {"enum": ["s16le", "f32le"], "default": "s16le"}, "Of samples without a header."
    ),
]
PREDICTING = [
    _parameter(
        "timeline", {"type": "number"}, "Seconds of the segments to classify too; at least clip_s."
    ),
    _parameter(
        "threshold",
        {"type": "number", "minimum": 0, "maximum": 1, "default": 0},
        'Below this probability a scene is "unsure".',
    ),
    _parameter(
        "unknown",
        {"type": "boolean", "default": False},
        'What is too far from all scenes is "unknown"; for models that find it.',
    ),
]


def _numbers(description: str) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": {"type": "number"},
        "description": description,
    }


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    properties = {**required, **(optional or {})}
    return {"type": "object", "required": list(required), "properties": properties}


TEXT, NUMBER = {"type": "string"}, {"type": "number"}
SCENES = _numbers("scene → probability; they sum to 1")
SEGMENT = {"start_s": NUMBER, "end_s": NUMBER, "scene": TEXT, "probability": NUMBER}
SCHEMAS: dict[str, Any] = {
    "Error": _object({"error": TEXT}, {"file": TEXT}),
    "Segment": _object({**SEGMENT, "scenes": SCENES}, {"unknown_score": NUMBER}),
    "Prediction": _object(
        {
            "file": TEXT,
            "scene": TEXT,
            "probability": NUMBER,
            "scenes": SCENES,
            "duration_s": NUMBER,
            "model": TEXT,
        },
        {
            "unknown_score": NUMBER,
            "unknown_threshold": NUMBER,
            "timeline": {"type": "array", "items": {"$ref": "#/components/schemas/Segment"}},
            "segments": {"type": "array", "items": {"$ref": "#/components/schemas/Segment"}},
        },
    ),
    "Explanation": _object(
        {
            "file": TEXT,
            "model": TEXT,
            "fold": {"type": "integer"},
            "scene": TEXT,
            "probability": NUMBER,
            "frame_s": {**NUMBER, "description": "seconds from one frame to the next"},
            "salient": {"type": "array", "items": {"type": "object"}},
            "attention": {
                "type": ["array", "null"],
                "items": NUMBER,
                "description": "of each frame, relative to equal attention, which is 1",
            },
            "codewords": {
                "type": ["array", "null"],
                "items": {"type": "array", "items": NUMBER},
                "description": "of each frame, the weights of the codewords; they sum to 1",
            },
        }
    ),
    "Models": _object(
        {
            "models": {
                "type": "array",
                "items": _object(
                    {
                        "id": TEXT,
                        "labels": {"type": "array", "items": TEXT},
                        "sample_rate": {"type": "integer"},
                        "clip_s": {**NUMBER, "description": "the shortest timeline, seconds"},
                        "segments": {"type": "boolean", "description": "takes timeline, listen"},
                        "explains": {"type": "boolean"},
                        "finds_unknown": {"type": "boolean"},
                    }
                ),
            },
            "limits": _object(
                {
                    "most_bytes": {"type": "integer"},
                    "longest_s": NUMBER,
                    "needs_token": {"type": "boolean"},
                }
            ),
        }
    ),
    "Health": _object({"status": {"enum": ["ok", "loading"]}, "version": TEXT}),
}


def _answer(schema: str, text: str) -> dict[str, Any]:
    content = {"schema": {"$ref": f"#/components/schemas/{schema}"}}
    return {"description": text, "content": {"application/json": content}}


def _operation(
    name: str, summary: str, schema: str, parameters: list[Any] | None = None
) -> dict[str, Any]:
    operation: dict[str, Any] = {"operationId": name, "summary": summary}
    statuses: tuple[int, ...] = (401, 403, 421)
    if parameters is not None:
        operation |= {"parameters": parameters, "requestBody": BODY}
        statuses = tuple(ERRORS)
    responses = {"200": _answer(schema, summary)}
    responses |= {str(status): _answer("Error", ERRORS[status]) for status in statuses}
    return {**operation, "responses": responses}


DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "asc serve",
        "version": __version__,
        "description": "The acoustic scene of recordings. Live sound: WebSocket /listen.",
    },
    "paths": {
        "/predict": {
            "post": _operation(
                "predict",
                "The scene of a recording, as asc predict --json prints it",
                "Prediction",
                [*SHARED, *PREDICTING],
            )
        },
        "/explain": {
            "post": _operation(
                "explain", "What a model with attention attends to", "Explanation", SHARED
            )
        },
        "/models": {"get": _operation("models", "The models that are served", "Models")},
        "/health": {
            "get": {
                "operationId": "health",
                "summary": "Whether recordings are answered; needs no token",
                "security": [],
                "responses": {
                    "200": _answer("Health", "they are"),
                    "503": _answer("Health", "the models are being loaded"),
                },
            }
        },
    },
    "security": [{}, {"token": []}],
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": SCHEMAS,
    },
}
