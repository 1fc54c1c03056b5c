"""The words the demo shop is made of: invented people, places, goods and sentences."""

from __future__ import annotations

FIRST_NAMES = (
    "Aslaug",
    "Birk",
    "Dagny",
    "Eilert",
    "Embla",
    "Falk",
    "Gro",
    "Halvard",
    "Idunn",
    "Jostein",
    "Kjersti",
    "Leiv",
    "Magnhild",
    "Njål",
    "Oddvar",
    "Ragnhild",
    "Sigrun",
    "Sæbjørn",
    "Torgeir",
    "Tuva",
    "Ulrikke",
    "Vebjørn",
    "Ylva",
    "Åsne",
    "Øyvor",
)
LAST_NAMES = (
    "Bjørkevoll",
    "Dalhaugen",
    "Elvestrøm",
    "Fjellvåg",
    "Granlien",
    "Havnevik",
    "Isdalsmo",
    "Kvernhus",
    "Lyngstøl",
    "Myrtangen",
    "Nordskar",
    "Osebakk",
    "Rognerud",
    "Seterlund",
    "Skogmyr",
    "Steinvollen",
    "Tangbrekke",
    "Uthaugvik",
    "Vindsnes",
    "Åkerholt",
)
STREETS = (
    "Bekkefaret",
    "Bryggestien",
    "Furulia",
    "Kvernveien",
    "Lyngbakken",
    "Multemyra",
    "Naustgata",
    "Rognestien",
    "Saltbuveien",
    "Tjernsvingen",
)
# No real place has these postal codes.
TOWNS = (
    ("9992", "Fjordheim"),
    ("9993", "Skarsund"),
    ("9994", "Lyngdalsøra"),
    ("9995", "Tindvik"),
    ("9996", "Mosjøvang"),
    ("9997", "Havbukta"),
    ("9998", "Storelvmo"),
    ("9999", "Kråkøya"),
)
PRODUCTS = (
    ("Ullteppe, grått", 1290),
    ("Ullteppe, rødt", 1290),
    ("Strikkegenser", 1490),
    ("Ullsokker, to par", 249),
    ("Votter med mønster", 349),
    ("Lue av merinoull", 399),
    ("Kaffekopp, håndmalt", 189),
    ("Tekanne i steingods", 649),
    ("Serveringsfat", 549),
    ("Skjærefjøl i bjørk", 399),
    ("Smørkniv i einer", 129),
    ("Kurv av never", 449),
    ("Lysestake i smijern", 329),
    ("Bivokslys, seks stykker", 219),
    ("Såpe med granbar", 89),
    ("Honning fra lyngheia", 139),
    ("Multesyltetøy", 159),
    ("Tørket fårekjøtt", 429),
    ("Turflaske", 299),
    ("Ryggsekk i lerret", 1190),
    ("Lommekniv", 690),
    ("Kikkert", 1890),
    ("Kart over fjellet", 229),
    ("Dagbok med skinnrygg", 319),
    ("Fjærpute", 590),
)
DELIVERY_NOTES = (
    "Legg pakken under trappa, {name} er på jobb.",
    "Ring {phone} før levering.",
    "Naboen i nummer {number} tar imot.",
)
GREETINGS = (
    "Gratulerer med dagen, kjære {name}!",
    "Til {name}, med takk for sist.",
    "God bedring, {name}. Vi tenker på deg.",
)
CART_NOTES = (
    "Gave til {name}",
    "Vent med bestillingen til {name} har fått feriepenger",
)
SUBJECTS = (
    "Pakken er ikke kommet",
    "Feil størrelse",
    "Skadet vare",
    "Spørsmål om faktura",
    "Bytte av vare",
    "Glemt passord",
    "Når kommer varen på lager?",
)
QUESTIONS = (
    "Hei! Jeg venter fortsatt på pakken min. Dere når meg på {phone}. Hilsen {name}",
    "Varen hadde en sprekk da den kom. Kan jeg få en ny? Hilsen {name}",
    "Kan dere sende fakturaen på nytt til {email}?",
    "Genseren er for liten. Hvordan bytter jeg den? Hilsen {name}",
)
REPLIES = (
    "Hei {name}! Takk for meldingen, vi ser på saken.",
    "Vi har sendt en ny vare i dag. Ha en fin dag, {name}!",
    "Fakturaen er sendt til {email}.",
)
REVIEWS = (
    "Akkurat som på bildet.",
    "Varm og god, men klør litt.",
    "Kom raskt fram.",
    "Gikk i stykker etter en uke.",
    "Anbefales!",
    "Litt dyr, men verdt det.",
)
PATHS = (
    "/",
    "/produkter",
    "/produkter/12",
    "/produkter/21",
    "/handlekurv",
    "/kasse",
    "/min-side",
    "/kundeservice",
    "/robots.txt",
)
USER_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) DemoBrowser/1.0",
    "Mozilla/5.0 (iPhone) DemoBrowser/1.0 Mobile",
    "DemoCrawler/0.3",
)
# The networks that RFC 5737 and RFC 3849 set aside for examples.
NETWORKS = ("192.0.2.{}", "198.51.100.{}", "203.0.113.{}", "2001:db8:{:x}::1")
