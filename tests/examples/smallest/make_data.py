"""Visits of the last weeks, and some whose date is missing or cannot be read."""

import argparse
import random
import sqlite3
from datetime import date, timedelta


def main(words=None):
    arguments = argparse.ArgumentParser()
    arguments.add_argument("file")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--on", type=date.fromisoformat, default=date(2026, 1, 1))
    given = arguments.parse_args(words)
    chance = random.Random(given.seed)
    shop = sqlite3.connect(given.file)
    shop.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, seen TEXT)")
    days = [str(given.on - timedelta(days=chance.randrange(60))) for _ in range(40)]
    shop.executemany("INSERT INTO visits (seen) VALUES (?)", [(day,) for day in days])
    shop.executescript("INSERT INTO visits (seen) VALUES (NULL), (''), ('never'), ('2031-01-01')")
    shop.commit()


if __name__ == "__main__":
    main()
