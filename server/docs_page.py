"""The page at /docs: the admin API's OpenAPI document as HTML that needs no other host; a plant may reach none."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from typing import Any

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2733}
h2{margin-top:2.2rem;border-bottom:1px solid #d5dde5}summary{cursor:pointer;padding:.35rem 0}
code,pre{font:13px/1.45 ui-monospace,monospace;background:#f3f6f9;border-radius:4px}code{padding:.1rem .3rem}
pre{padding:.7rem;overflow:auto}b.get{color:#0a6b3d}b.post{color:#0b4f9e}b.put{color:#8a5a00}b.delete{color:#a11d1d}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
"""
INTRODUCTION = """
<h1>Viewloom</h1>
<p>Every request needs an API key: header <code>X-API-Key</code>, or Basic with any user name and the key as
password.</p>
<table>
<tr><td>OData v4</td><td><code>/odata/{workspace}/</code> for Excel, Power BI and other OData clients</td></tr>
<tr><td>REST</td><td><code>/api/v1/{workspace}/data/{publication}?column=gte.5&amp;order=column&amp;limit=50</code>;
what a key may read: <code>/api/v1/{workspace}/openapi.json</code></td></tr>
<tr><td>SQL</td><td><code>POST /api/v1/{workspace}/sql</code> with <code>{"sql": "SELECT …"}</code></td></tr>
<tr><td>Formats</td><td><code>?format=</code> json, ndjson, csv, arrow, parquet</td></tr>
</table>
<p>Below: the admin API. Its machine-readable form is <a href="/api/openapi.json">/api/openapi.json</a>.</p>
"""


def docs_page(document: Mapping[str, Any]) -> str:
    """The whole page for an OpenAPI document."""
    groups: dict[str, list[str]] = {}
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            group = (operation.get("tags") or ["Other"])[0]
            groups.setdefault(group, []).append("".join(_operation(path, method, operation, document)))
    body = "".join(
        f"<h2>{html.escape(str(group)).capitalize()}</h2>{''.join(items)}" for group, items in groups.items()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Viewloom API</title>"
        f"<style>{STYLE}</style>{INTRODUCTION}{body}"
    )


def _operation(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    summary = html.escape(str(operation.get("summary", "")))
    title = f"<b class={method}>{method.upper()}</b> <code>{html.escape(path)}</code> {summary}"
    yield f"<details><summary>{title}</summary>"
    if operation.get("description"):
        yield f"<p>{html.escape(operation['description'])}</p>"
    parameters = [p for p in operation.get("parameters", []) if p.get("in") == "query"]
    if parameters:
        yield "<table><tr><th>parameter</th><th>meaning</th></tr>"
        for parameter in parameters:
            meaning = html.escape(str(parameter.get("description") or parameter.get("schema", {}).get("type", "")))
            yield f"<tr><td><code>{html.escape(parameter['name'])}</code></td><td>{meaning}</td></tr>"
        yield "</table>"
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = _resolved(content.get("schema", {}), document)
        example = (schema.get("examples") or [None])[0]
        shown = (
            example if example is not None else {name: _kind(p) for name, p in schema.get("properties", {}).items()}
        )
        yield f"<p>Body:</p><pre>{html.escape(json.dumps(shown, indent=2, ensure_ascii=False))}</pre>"
    yield "</details>"


def _resolved(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    found: Mapping[str, Any] = document.get("components", {}).get("schemas", {}).get(name, schema)
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    return str(
        schema.get("type") or "|".join(str(option.get("type", "…")) for option in schema.get("anyOf", [])) or "…"
    )
