"""The page at /docs stands alone and says what the API is."""

import re

from server.docs_page import docs_page

DOCUMENT = {
    "paths": {
        "/api/v1/{workspace}/views": {
            "put": {
                "summary": "Save <a> view",
                "tags": ["views"],
                "parameters": [{"in": "query", "name": "dry_run", "schema": {"type": "boolean"}}],
                "requestBody": {
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ViewBody"}}}
                },
            }
        }
    },
    "components": {"schemas": {"ViewBody": {"properties": {"sql": {"type": "string"}}}}},
}


def test_the_page_names_paths_parameters_and_bodies() -> None:
    page = docs_page(DOCUMENT)
    assert "<code>/api/v1/{workspace}/views</code>" in page
    assert "<code>dry_run</code>" in page and "&quot;sql&quot;: &quot;string&quot;" in page
    assert "Save &lt;a&gt; view" in page


def test_the_page_loads_nothing_from_another_host() -> None:
    page = docs_page(DOCUMENT)
    assert not re.search(r"https?://|<script|<link|<img", page)
