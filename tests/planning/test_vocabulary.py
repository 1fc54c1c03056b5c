"""Names that look personal in five languages, and names that must not."""

from __future__ import annotations

import pytest

from retention.cli.vocabulary import vocabulary
from retention.planning.personal import looks_personal, personal_columns
from retention.planning.schema import Column, ColumnKind, Reference, Schema, Table, TableKind
from retention.planning.vocabulary import Meaning

WORDS = vocabulary()
ANYWHERE = {
    Meaning.EMAIL: """
        email e_mail E-Mail eMail customerEmail email2 contact_email EmailAddress work_email_address
        epost e_post epostadresse e_postadresse ePostAdress epostadress eposta e_posta ePostaAdresi
        E_Mail_Adresse mail mailadresse emailaddr USER_EMAIL kunde_epost
    """,
    Meaning.NETWORK: """
        ip ip_address ipAddress IPAddress clientIp user_ip last_login_ip remote_addr ipv4 ipv6
        ip_adresse ip_adress ip_adresi x_forwarded_for created_from_ip ipaddr
    """,
    Meaning.DEVICE: """
        user_agent UserAgent device_id DeviceID device_token push_token imei imsi mac_address
        advertising_id session_token visitor_id browser_fingerprint
    """,
    Meaning.CREDENTIAL: """
        password password_hash encrypted_password passwd passord lösenord losenord şifre parola
        passwort Kennwort security_answer remember_token
    """,
    Meaning.PHONE: """
        phone phone_number phoneNumber home_phone mobile_phone telephone tel tel_no fax cell_phone
        telefon telefonnummer mobil mobilnummer tlf tlfnr telefonnr mobiltelefon cep_telefonu
        gsm_no contact_no mob_nr Telefonnummer handy Handynummer Rufnummer kundtelefon msisdn phone2
    """,
    Meaning.NUMBER: """
        ssn social_security_number national_id passport_number PassportNo tax_id drivers_license
        id_number employee_number personnummer personnr persNr pnr HastaTCNo Ansatt_Nummer
        fødselsnummer fodselsnummer
        foedselsnummer Fødselsnr fnr d_nummer samordningsnummer TCKN tc_kimlik_no tckn TCKimlikNo
        kimlik_no pasaport_no sicil_no steuer_id Steuernummer SteuerIdNr personalausweis_nr
        Sozialversicherungsnummer Führerscheinnummer fuehrerschein_nr førerkort körkortsnummer
        ehliyet_no student_number
    """,
    Meaning.BANK: """
        iban IBAN bank_account account_number credit_card card_number cvv kontonummer kontonr
        hesap_no kredi_karti_no kart_numarası Kreditkartennummer kortnummer bankverbindung
    """,
    Meaning.VEHICLE: """
        license_plate licence_plate LicensePlate plate_number number_plate plaka plaka_no
        kjennemerke skiltnummer kfz_kennzeichen nummernschild chassis_number
    """,
    Meaning.BORN: """
        birth_date date_of_birth dob birthday bornOn born_at birth_year place_of_birth dg_yeri fdato
        fødselsdato fodselsdato foedselsdato födelsedatum fodelsedatum doğum_tarihi dogum_tarihi
        DogumYeri Geburtsdatum geburtsort geb_datum date_of_death
    """,
    Meaning.HEALTH: """
        diagnosis diagnosis_code allergies medication blood_type is_pregnant disability
        prescription icd10 symptoms vaccination_date sykdom allergier gravid sykmelding_fra
        sjukdom sjukskrivning teşhis hastalık_adı kan_grubu hamile_mi Krankheit blutgruppe
        schwangerschaft Krankenkasse diagnose
    """,
    Meaning.TRAIT: """
        gender sex nationality ethnicity religion marital_status sexual_orientation
        political_party trade_union salary monthly_income kjønn kjonn lønn sivilstand kön
        civilstånd medborgarskap cinsiyet medeni_hali uyruk maaş Geschlecht Familienstand
        konfession Staatsangehörigkeit Nationalitaet gehalt bruttogehalt
    """,
    Meaning.PICTURE: "avatar avatar_url profile_photo selfie profilbild profilbilde lichtbild",
    Meaning.POSTAL_CODE: """
        postal_code PostCode zip_code zipcode billing_postcode postnummer postnr Postleitzahl
        posta_kodu
    """,
    Meaning.NAME: """
        first_name firstname FirstName lastName surname full_name username UserName nickname
        customer_name recipient_name contact_person maiden_name fornavn etternavn fnamn custname
        notfall_name kundenavn
        brukernavn mottakernavn pasientnavn förnamn fornamn efternamn kundnamn användarnamn
        ad_soyad adSoyad soyadı soyad müşteri_adı musteriAdi kullanici_adi kullanıcıAdı anne_adı
        Vorname Nachname vor_und_nachname Kundenname Benutzername Ansprechpartner Geburtsname_2
        emergency_contact signature
    """,
    Meaning.ADDRESS: """
        address street_address address_line1 ADDR1 mailing_addr
        billing_address home_address street house_number
        adresse gateadresse bostedsadresse adress gatuadress adres sokak mahalle ikamet_adresi
        Anschrift strasse Straße Hausnummer Lieferadresse plz_strasse wohnort
    """,
}
NOT_NAMES = {"vor_und_nachname": Meaning.NAME, "Geburtsname_2": Meaning.BORN}
NOWHERE = """
    filename file_name fileName table_name column_name product_name productName class_name event_name
    role_name tag_name domain_name schema_name job_name queue_name display_order description
    short_description title subject status state type kind category price amount total quantity
    currency discount tax_rate vat_amount ship_date shipped_at shipment shipping_cost shipping_method
    zip_file unzip_path gzip_size skip skipped recipe recipe_title tip tip_amount tips tooltip
    strip_length script description_html slug sku barcode ean isbn weight_grams color size_label
    created_at updated_at deleted_at started_on finished_at due_date expires_at valid_from valid_until
    year month day hour duration_ms timeout retries priority position_no sort_order rank score rating
    stars count page_count view_count email_count phone_count email_id email_type email_template
    email_status email_enabled email_verified email_verified_at email_sent_at has_email is_email_valid
    send_email phone_type phone_verified phone_confirmed_at address_id addressid AdresseID address_type
    ip_count mail_sent_at password_changed_at password_reset_expires passport_required language locale
    timezone theme plan_code feature_flag enabled active is_active archived version checksum hash
    md5 sha256 uuid guid token_type scope grant_type api_version endpoint method path url_path
    response_code request_count cache_key session_count repost_id reposted date_post post_id post_type
    postpone_until important import_batch airport airport_code sport report transport_mode portion
    support_level export_format microphone headphones megaphone stubborn airborne newborn_sizes
    dimension dinner vinyl wine_vintage cabinet certificate_no contract_no order_no invoice_number
    order_number reference tracking_number serial_number part_number batch_no lot_number warehouse
    shelf aisle stock reorder_level unit_price cost margin revenue budget forecast target
    country country_code continent capital population area_km2 altitude temperature humidity
    genre album track_number film_title release_year rental_rate replacement_cost length special
    playlist media_type composer_share bytes milliseconds incoming incoming_count outcome income_type
    varenavn produktnavn vare_navn filnavn tabellnavn ordrenummer fakturanr beløp pris antall
    produktnamn filnamn ordernummer belopp antal lagerplats avdelning
    urun_adi dosya_adi fiyat tutar adet siparis_no fatura_no stok aciklama durum
    Produktname Dateiname Bestellnummer Rechnungsnummer Betrag Preis Menge Lagerort Beschreibung
    manifest infest digest harvest_date agenda attachment_size mobile_enabled cellar canceled
    hotelier telemetry teller_machine intelligence faxing_enabled tableau bornholm_route
    contract_address web_address memory_address addressable is_addressed sexagesimal essex
    raceway grace_period trace_id embrace namespace rename_count nameless surname_count
    unixtime sizeof tipo_cambio prescriptive_rules streetlight_count
"""
BESIDE = """
    name navn namn ad isim city town sehir poststed postort ort zip plz note notes comment body bio
    latitude lng age race photo facebook_url website job_title login not yorum kommentar merknad
    anteckning Bemerkung Notizen customer_number kundenummer kundennummer musteri_no
"""
FAULTY_IN_PEOPLE = """
    file_name team_name company_id last_login message_count role_name plan_name
    timezone_name language currency zip_file comment_status is_company avatar_content_type
    created_at status is_active last_login_at login_count notes_count category_name kategori_adi
    department_name project_name country app_name
"""
PEOPLE = """
    customers tblCustomer app_users Employees user customers_2024 stammkunden
    ansatte Brukere pasienter anställda kunder müşteriler calisanlar Mitarbeiter
"""
POSITIVES = [(kind, name) for kind, names in ANYWHERE.items() for name in names.split()]


def table(name: str, *columns: Column, kind: TableKind = TableKind.TABLE) -> Table:
    """A table with these columns beside its key."""
    key = Column("id", ColumnKind.INTEGER, "INTEGER")
    found = {column.name: column for column in (key, *columns)}
    return Table(name, found, ("id",), kind, bare_name=name)


def column(name: str, kind: ColumnKind = ColumnKind.TEXT, type_text: str = "TEXT") -> Column:
    """A column."""
    return Column(name, kind, type_text)


def seen(name: str, *columns: Column) -> dict[str, Meaning]:
    """What looks personal in a table of this name."""
    found = looks_personal(table(name, *columns), WORDS)
    return {column: meaning for column, (meaning, _) in found.items()}


def test_the_lists_are_long_enough_to_mean_something() -> None:
    """At least 150 names that are personal, and as many that are not."""
    assert len({name for _, name in POSITIVES}) >= 150
    assert len(set(NOWHERE.split())) >= 150


@pytest.mark.parametrize(("kind", "name"), POSITIVES)
def test_personal_names_are_seen_in_five_languages(kind: Meaning, name: str) -> None:
    """A column of this name looks personal in any table, and for what it is."""
    assert WORDS.plain_meaning(name) is NOT_NAMES.get(name, kind)


@pytest.mark.parametrize("name", sorted(set(NOWHERE.split())))
def test_names_of_things_are_left_alone(name: str) -> None:
    """Files have names and ships have dates: no column of these names looks personal."""
    assert seen("things", column(name)) == {}


@pytest.mark.parametrize("name", BESIDE.split())
def test_some_names_count_only_among_people(name: str) -> None:
    """A thing may have a name, a city or a note; beside an e-mail address they are a person's."""
    assert seen("things", column(name)) == {}
    assert name in seen("customers", column(name))
    assert name in seen("things", column(name), column("email"))


@pytest.mark.parametrize("name", FAULTY_IN_PEOPLE.split())
def test_tables_of_people_have_other_columns_too(name: str) -> None:
    """Even among people a file's name is no person's."""
    assert seen("users", column(name)) == {}


@pytest.mark.parametrize("name", PEOPLE.split())
def test_tables_of_people_are_known_by_their_last_word(name: str) -> None:
    """Singular or plural, with a prefix or a year, in five languages."""
    assert WORDS.about_people(name)


@pytest.mark.parametrize(
    "name", ["products", "customer_orders", "user_settings", "threads", "countries", "film_actor_x"]
)
def test_other_tables_are_not_about_people(name: str) -> None:
    """An order is not a customer."""
    assert not WORDS.about_people(name)


def test_a_machines_address_makes_no_person_of_a_name() -> None:
    """A server has an IP address and a name; only the address looks personal."""
    assert set(seen("servers", column("ip"), column("name"))) == {"ip"}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("email", ColumnKind.BOOLEAN),
        ("email", ColumnKind.TIMESTAMP),
        ("email", ColumnKind.INTEGER),
        ("phone", ColumnKind.DATE),
        ("address", ColumnKind.INTEGER),
        ("username", ColumnKind.UUID),
    ],
)
def test_a_type_that_cannot_hold_it_acquits_a_column(name: str, kind: ColumnKind) -> None:
    """A yes or no named `email` holds no address."""
    assert seen("things", column(name, kind, kind.name)) == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("pregnant", ColumnKind.BOOLEAN),
        ("born", ColumnKind.DATE),
        ("phone", ColumnKind.INTEGER),
        ("personnummer", ColumnKind.DECIMAL),
        ("email", ColumnKind.BINARY),
        ("address", ColumnKind.JSON),
    ],
)
def test_a_type_that_can_hold_it_does_not(name: str, kind: ColumnKind) -> None:
    """Numbers stored as numbers, and encrypted e-mail addresses, are personal."""
    assert name in seen("things", column(name, kind, kind.name))


def test_types_speak_for_themselves() -> None:
    """An address of a network is one whatever it is called; a position only among people."""
    inet = column("origin", ColumnKind.INET, "INET")
    assert seen("things", inet) == {"origin": Meaning.NETWORK}
    assert seen("things", column("x", ColumnKind.OTHER, "macaddr")) == {"x": Meaning.DEVICE}
    place = column("place", ColumnKind.OTHER, "geography(Point,4326)")
    assert seen("stations", place) == {}
    assert seen("drivers", place) == {"place": Meaning.POSITION}


def test_a_vehicle_has_somebody_who_drives_it() -> None:
    """Plates and positions of vehicles are personal; positions of stores are not."""
    columns = [column(name) for name in ("plate", "vin", "lat", "name")]
    assert set(seen("vehicles", *columns)) == {"plate", "vin", "lat"}
    assert seen("stores", *columns) == {}


def test_templates_and_settings_have_names_of_their_own() -> None:
    """A template with a sender's address still has a name that is nobody's."""
    columns = [column(name) for name in ("name", "body", "from_email")]
    assert set(seen("email_templates", *columns)) == {"from_email"}


def test_free_text_belongs_to_the_person_it_refers_to() -> None:
    """A comment of a user is personal; a product is not its editor's."""
    tables = [
        table("users", column("email")),
        table("posts", column("body"), column("title"), column("user_id", ColumnKind.INTEGER)),
        table("products", column("body"), column("created_by", ColumnKind.INTEGER)),
        table("pages", column("body")),
    ]
    references = (
        Reference("posts", ("user_id",), "users", ("id",)),
        Reference("products", ("created_by",), "users", ("id",)),
    )
    schema = Schema("sqlite", {found.name: found for found in tables}, references)
    found = personal_columns(schema, WORDS)
    assert {name: set(columns) for name, columns in found.items()} == {
        "users": {"email"},
        "posts": {"body"},
    }


def test_views_are_their_tables_matter() -> None:
    """A view keeps nothing; a partitioned table is one table."""
    tables = [
        table("v", column("email"), kind=TableKind.VIEW),
        table("p", column("email"), kind=TableKind.PARTITIONED),
    ]
    schema = Schema("postgresql", {found.name: found for found in tables}, ())
    assert set(personal_columns(schema, WORDS)) == {"p"}
