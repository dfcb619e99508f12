from server.demo.products import BILL_OF_MATERIAL, BY_CODE, FINISHED, PRODUCTS


def test_sixty_products_are_sold_and_every_code_is_unique() -> None:
    assert len(FINISHED) == 60
    assert len(BY_CODE) == len(PRODUCTS)
    assert all(product.list_price and product.ideal_cycle_s for product in FINISHED)


def test_bills_of_material_end_in_purchased_parts_after_two_levels() -> None:
    recipe: dict[str, list[str]] = {}
    for item in BILL_OF_MATERIAL:
        recipe.setdefault(item.product, []).append(item.component)
    for product in FINISHED:
        for part in recipe[product.code]:
            assert all(deeper not in recipe for deeper in recipe.get(part, []))
    assert all(BY_CODE[code].supplier for parts in recipe.values() for code in parts if code not in recipe)
