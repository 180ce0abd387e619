"""What a fresh org holds: invented people and groups, and one application that waits to be connected."""

from pocket_okta.acts import apps, groups, people
from pocket_okta.catalogue import Template
from pocket_okta.store.database import Tx

_COMMON = {"locale": "en-US", "timezone": "Europe/Lisbon", "organization": "North Example", "userType": "Employee"}
PEOPLE = (
    ("Ana", "Reis", "Site Reliability Engineer", "Engineering", "Lisbon", "+351 21 555 0101"),
    ("Noor", "Haddad", "Software Engineer", "Engineering", "Porto", "+351 22 555 0102"),
    ("Tomasz", "Wilk", "Engineering Manager", "Engineering", "Lisbon", "+351 21 555 0103"),
    ("Mei", "Tanaka", "Field Operations Lead", "Field Operations", "Faro", "+351 28 555 0104"),
    ("Kwame", "Boateng", "Field Technician", "Field Operations", "Faro", "+351 28 555 0105"),
    ("Ingrid", "Solheim", "Head of People", "People", "Lisbon", "+351 21 555 0106"),
)
GROUPS = (
    ("Engineering", "Everybody who builds and runs things."),
    ("Field Operations", "Everybody on the road."),
)


def fill(tx: Tx, template: Template) -> None:
    """Fill an empty org; its application is of this kind."""
    made = {name: groups.add(tx, name, description) for name, description in GROUPS}
    for number, (first, last, title, department, city, phone) in enumerate(PEOPLE, start=1):
        address = f"{first}.{last}@north.example".lower()
        person = people.add(
            tx,
            {
                **_COMMON,
                "login": address,
                "email": address,
                "firstName": first,
                "lastName": last,
                "displayName": f"{first} {last}",
                "title": title,
                "department": department,
                "city": city,
                "countryCode": "PT",
                "mobilePhone": phone,
                "employeeNumber": f"NE-{number:04d}",
            },
        )
        if department in made:
            groups.join(tx, made[department], person)
    apps.add(tx, template, template.title)
