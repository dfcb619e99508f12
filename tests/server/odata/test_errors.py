"""What an OData error tells its reader."""

from server.odata.errors import ODataNotImplementedError, ODataRequestError, ODataSyntaxError


def test_syntax_error_says_what_where_and_what_to_do() -> None:
    error = ODataSyntaxError("Expected a name.", option="$select", position=3, hint="Such as order_id.")
    assert str(error) == "Expected a name. ($select, position 3) Such as order_id."
    assert (error.code, error.message, error.position) == ("odata_syntax", "Expected a name.", 3)


def test_what_is_not_implemented_is_no_syntax_error() -> None:
    error = ODataNotImplementedError("$apply is not implemented.", option="$apply", hint="Publish a view.")
    assert not isinstance(error, ODataSyntaxError)
    assert (error.code, error.option, error.hint) == ("odata_not_implemented", "$apply", "Publish a view.")


def test_every_refusal_of_a_request_has_a_code_of_its_own() -> None:
    kinds: list[type[ODataRequestError]] = [ODataRequestError, *ODataRequestError.__subclasses__()]
    assert len({kind.code for kind in kinds}) == len(kinds) == 6
    error = ODataRequestError("The key of Orders is id.", option="path", position=6, hint="Write it like Orders(…).")
    assert (error.message, error.position) == ("The key of Orders is id.", 6)
