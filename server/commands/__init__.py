"""The commands of `viewloom`, one file per kind of object, over the same operations as the admin API."""
