"""Tests of the project itself: its layout, errors, documents, imports and licences."""
