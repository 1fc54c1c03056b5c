"""Which columns look personal, by their names alone: a guess to start from, never a verdict. Pure.

Names are read in English, Norwegian, Swedish, Turkish and German, with or without their accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import StrEnum

from retention.planning.schema import Table


class Meaning(StrEnum):
    """What a column seems to hold."""

    EMAIL = "e-mail"
    NETWORK = "network address"
    PHONE = "phone"
    POSTAL_CODE = "postal code"
    BORN = "birth"
    NUMBER = "number of a person"
    NAME = "name"
    ADDRESS = "address"
    TRAIT = "trait"
    DEVICE = "device"
    TEXT = "free text"


_STEMS: tuple[tuple[Meaning, str], ...] = (
    (Meaning.EMAIL, "email e_mail epost e_post eposta e_posta"),
    (Meaning.NETWORK, "ipaddress ip_address ipaddr ip_addr remote_addr ip_adres ip_adress"),
    (Meaning.PHONE, "phone telefon telephone mobilnr mobilnummer mobiltel"),
    (Meaning.BORN, "birth born fodsel fodt fodelse dogum geburt"),
    (
        Meaning.NUMBER,
        "personnummer personnr fodselsnummer fodselsnr personal_number national_id passport "
        "social_security kimlik steuernummer steuer_id tax_number skattenummer",
    ),
    (
        Meaning.NAME,
        "first_name firstname last_name lastname full_name fullname given_name family_name "
        "surname middle_name maiden_name user_name username nickname display_name contact_name "
        "fornavn etternavn mellomnavn brukernavn fornamn efternamn anvandarnamn soyad soyisim "
        "kullanici_ad vorname nachname familienname benutzername customer_name kundenavn "
        "kundnamn recipient_name",
    ),
    (
        Meaning.POSTAL_CODE,
        "postal_code postalcode post_code postcode zip_code zipcode postnummer postnr posta_kodu "
        "postleitzahl",
    ),
    (Meaning.ADDRESS, "address adress adres anschrift strasse street gateadresse gatuadress sokak"),
    (Meaning.TRAIT, "gender kjonn cinsiyet geschlecht nationality ethnicity religion"),
    (Meaning.DEVICE, "user_agent useragent device_id session_token"),
)
_WORDS: tuple[tuple[Meaning, str], ...] = (
    (Meaning.EMAIL, "mail"),
    (Meaning.NETWORK, "ip ipv4 ipv6"),
    (Meaning.PHONE, "tel tlf mobile mobil cell fax handy gsm cep"),
    (Meaning.BORN, "dob bday"),
    (Meaning.NUMBER, "ssn iban tckn bsn fnr"),
    (Meaning.TRAIT, "sex kon"),
)
_WEAK: tuple[tuple[Meaning, str], ...] = (
    (Meaning.NAME, "name navn namn ad adi isim login nick"),
    (Meaning.POSTAL_CODE, "zip plz"),
    (Meaning.ADDRESS, "city town poststed postort ort sehir ilce latitude longitude lat lng lon"),
    (Meaning.TEXT, "note notes comment comments body message bio remarks merknad anteckning not"),
)
_PEOPLE = (
    "account accounts actor actors applicant applicants author authors client clients contact "
    "contacts customer customers employee employees guest guests lead leads member members owner "
    "owners passenger passengers patient patients people person persons profile profiles student "
    "students subscriber subscribers user users visitor visitors staff "
    "ansatt ansatte bruker brukere kunde kunder medlem medlemmer pasient pasienter "
    "anstalld anstallda anvandare kund medlemmar "
    "musteri musteriler kullanici kullanicilar uye uyeler calisan calisanlar kisi kisiler "
    "benutzer kunden mitarbeiter mitglied mitglieder nutzer personen"
)
_FOLDED = str.maketrans({"ø": "o", "æ": "ae", "ı": "i", "ß": "ss", "đ": "d"})


def looks_personal(table: Table) -> tuple[str, ...]:
    """The columns of `table` that seem to hold something about a person, in the table's order.

    A bare `name` or `city` counts only beside something plainer, or in a table of people: shops
    and countries have names, too.
    """
    strong = {name for name in table.columns if plain_meaning(name)}
    if not strong and not _about_people(table.bare_name or table.name):
        return ()
    return tuple(name for name in table.columns if name in strong or meaning(name))


def meaning(column: str) -> Meaning | None:
    """What a column of this name seems to hold, in a table that is about people."""
    return plain_meaning(column) or _word(column, _WEAK)


def plain_meaning(column: str) -> Meaning | None:
    """What a column of this name seems to hold wherever it stands; None for a bare `name`."""
    flat = "_".join(_words(column))
    if flat.endswith(("_id", "_count")) and not flat.endswith(("national_id", "device_id")):
        return None
    return _stem(flat) or _word(column, _WORDS)


def _stem(flat: str) -> Meaning | None:
    return next(
        (found for found, stems in _STEMS if any(stem in flat for stem in stems.split())), None
    )


def _word(column: str, known: tuple[tuple[Meaning, str], ...]) -> Meaning | None:
    words = set(_words(column))
    return next((found for found, listed in known if words & set(listed.split())), None)


def _about_people(table: str) -> bool:
    words = list(_words(table))
    return bool(words) and words[-1] in _PEOPLE.split()


def _words(name: str) -> Iterator[str]:
    """`bornOn`, `born_on` and `BORN-ON` are the words born and on; accents are folded."""
    spaced = re.sub(
        r"(?<=[^\W\d_])(?=[A-ZÅÄÖÆØÜŞÇĞİ][a-zåäöæøüşçğı])|(?<=[a-zå-ÿ])(?=[A-Z])", "_", name
    )
    decomposed = unicodedata.normalize("NFKD", spaced.casefold().translate(_FOLDED))
    folded = "".join(found for found in decomposed if not unicodedata.combining(found))
    yield from (word for word in re.split(r"[\W_]+", folded) if word)
