"""The plant's customers: forty invented firms in twenty-one countries, with weights that make some of them large."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer; `weight` is its share of orders, `discount` in percent off the list price."""

    number: int
    name: str
    city: str
    country: str
    segment: str
    rating: str | None
    credit_limit: str | None
    discount: int
    weight: int
    email: str | None


_ROWS = """
Müller Hydraulik GmbH|Gütersloh|DE|distribution|A|750000|18|60
Baumaschinen Köhler AG|Köln|DE|construction|A|1200000|22|75
Landtechnik Brömse KG|Osnabrück|DE|agriculture|A|900000|20|66
Ångström Skogsmaskiner AB|Umeå|SE|forestry|A|640000|15|42
Łódź Hydraulika Sp. z o.o.|Łódź|PL|distribution|B|180000|12|24
Société Béarnaise d'Engins|Pau|FR|construction|B|320000|12|27
Ferrostal Prešov s.r.o.|Prešov|SK|steel|B|150000|8|15
Čapek Zemědělská Technika|Plzeň|CZ|agriculture|B|210000|10|21
Ørsted Maskinfabrik ApS|Aarhus|DK|marine|A|280000|12|22
Hydrauliikka Järvinen Oy|Tampere|FI|forestry|A|350000|14|28
Construcciones Núñez S.A.|Zaragoza|ES|construction|C|90000|5|12
Oleodinamica Forlì S.r.l.|Forlì|IT|distribution|B|240000|14|25
Göksel İş Makineleri A.Ş.|İzmir|TR|construction|C||6|14
Weststadt Pressenbau GmbH|Solingen|DE|presses|A|480000|16|38
Nordkran Hebetechnik GmbH|Bremerhaven|DE|lifting|A|560000|16|40
Alpenlift Seilbahnbau GmbH|Innsbruck|AT|lifting|A|300000|10|18
Zürcher Spritzguss AG|Winterthur|CH|plastics|A|410000|9|26
Hafen & Kai Umschlagtechnik|Hamburg|DE|marine|B|260000|10|17
Van der Veld Baggerwerken B.V.|Dordrecht|NL|marine|A|520000|14|30
De Smet Landbouw N.V.|Roeselare|BE|agriculture|B|170000|9|16
Brandt Kommunalfahrzeuge|Kassel|DE|municipal|B|220000|11|20
Schäfer & Söhne Maschinenbau|Siegen|DE|presses|B|190000|10|19
Ostsee Fischereitechnik eG|Rostock|DE|marine|C|60000|3|7
Tunnelbau Reußtal AG|Altdorf|CH|mining|A|380000|8|13
Bergwerk Mansfeld Technik|Eisleben|DE|mining|B|140000|7|11
Kovács Hidraulika Kft.|Győr|HU|distribution|B|130000|10|15
Metalurgia Sânziana S.R.L.|Cluj-Napoca|RO|steel|C||4|9
Midlands Fluid Power Ltd|Coventry|GB|distribution|A|330000|15|29
Galway Agri Machines Ltd|Galway|IE|agriculture|B|110000|8|12
Prairie Harvest Equipment Inc.|Fargo|US|agriculture|A|800000|17|34
Lakeshore Forestry Co.|Duluth|US|forestry|B|290000|12|18
Entreprise Forêt-Nord inc.|Chicoutimi|CA|forestry|B|200000|9|13
Windkraft Halligen GmbH|Husum|DE|wind|A|450000|13|24
Rotorblatt Emden GmbH|Emden|DE|wind|B|250000|11|16
Stahlwerk Unterharz GmbH|Ilsenburg|DE|steel|A|600000|14|23
Papierfabrik Ahlen|Ahlen|DE|paper|C|70000|3|6
Recycling Pressen Vogt|Fulda|DE|recycling|B|120000|7|12
Gießerei Zwickauer Mulde|Zwickau|DE|steel|C||2|5
Instandhaltung Pfälzer Wald|Pirmasens|DE|service||25000|0|8
Werkstatt Jürgen Weiß e.K.|Straubing|DE|service|C|15000|0|6
"""


def _customers() -> tuple[Customer, ...]:
    found = []
    for position, row in enumerate(_ROWS.strip().splitlines()):
        name, city, country, segment, rating, limit, discount, weight = row.split("|")
        number = 10010 + position * 7
        email = None if position % 9 == 8 else f"einkauf.{number}@example.{'com' if country in 'US GB CA' else 'org'}"
        found.append(
            Customer(
                number, name, city, country, segment, rating or None, limit or None, int(discount), int(weight), email
            )
        )
    return tuple(found)


CUSTOMERS = _customers()
