from server.demo.customers import CUSTOMERS


def test_forty_customers_have_unicode_names_and_gaps() -> None:
    assert len({customer.number for customer in CUSTOMERS}) == len(CUSTOMERS) == 40
    assert any(not customer.name.isascii() for customer in CUSTOMERS)
    assert any(customer.credit_limit is None for customer in CUSTOMERS)
    assert any(customer.email is None for customer in CUSTOMERS)
