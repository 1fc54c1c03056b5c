"""`python -m benchmarks.reapply`: what a reapply costs after a restore, by tokens alone.

The ledger gets as many sealed tokens as asked for, by the product's own way of writing them; the
database holds one in ten of these rows again, one in a hundred under a number that was given to
another row, and as many rows nobody ever erased. The rule was changed since, so that nothing but
the tokens tells who is back. Everything runs on one core, the server too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import product, report
from benchmarks.engines import Engine, running
from benchmarks.scenarios import folder_of
from retention.cli.context import load, now
from retention.connections import engine_for
from retention.ledger.entry import Intent, Kind, month_of
from retention.ledger.store import Ledger, open_ledger
from retention.ledger.tokens import tokens_for
from retention.scheduler.request import key_folder

BATCH = 10_000
_BEGUN = datetime(2020, 1, 1, tzinfo=UTC)
_RULE = """
[rules.people]
table = "people"
start = "closed_at"
stored_in = "UTC"
delete_after = "{after}"
guard = "created_at"
"""


def main() -> None:
    """Measure on each engine; the table goes to stdout, progress to stderr."""
    asked = _asked()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    lines: list[report.Line] = []
    for name in asked.engine or ("sqlite", "postgresql"):
        with (
            tempfile.TemporaryDirectory(prefix="retention-bench-") as folder,
            running(name, Path(folder)) as engine,
            engine.database() as url,
        ):
            lines += _measured(engine, url, asked.tokens)
    heads = ("what", "seconds, of the processor (client and server)", "peak memory of the client")
    text = [*report.machine(), *report.lines(f"Reapply of {asked.tokens:,} tokens", heads, lines)]
    sys.stdout.write("\n".join(text) + "\n")


def _measured(engine: Engine, url: str, tokens: int) -> Iterator[report.Line]:
    _tell(f"{engine.name}: {tokens:,} tokens and {_rows(tokens):,} rows")
    engine.run(url, *_table(engine, tokens))
    engine.settle(url)
    config = product.prepared(folder_of(engine, "reapply"), [url], _RULE.format(after="1 year"))
    _erased(config, tokens)
    text = config.read_text(encoding="utf-8").replace('"1 year"', '"90 years"')
    config.write_text(text, encoding="utf-8")
    back = tokens // 10
    for words in (("--dry-run",), ()):
        _tell(f"{engine.name}: reapply {' '.join(words)}")
        before = engine.cpu()
        ran = product.timed(config, "backups", "reapply", *words)
        told = f"{engine.name}, {'--dry-run' if words else f'{back:,} rows taken again'}"
        yield told, f"{ran.seconds:.1f}, {engine.cpu() - before:.1f}", f"{ran.peak_mb:.0f} MB"
    left = engine.value(url, "SELECT count(*) FROM people")
    if left != _rows(tokens) - back:
        raise RuntimeError(f"{left:,} rows are left of {_rows(tokens):,}, {back:,} were back")


def _rows(tokens: int) -> int:
    return tokens // 10 + tokens // 100 + tokens


def _table(engine: Engine, tokens: int) -> Iterator[str]:
    """Rows that are back, numbers given again (another guard), and rows that nobody erased."""
    when = "TEXT" if engine.name == "sqlite" else "TIMESTAMP NULL"
    yield (
        "CREATE TABLE people (id BIGINT PRIMARY KEY, name VARCHAR(40), "
        f"created_at {when}, closed_at {when})"
    )
    for count, number, seconds in (
        (tokens // 10, "i * 10", "i * 10"),
        (tokens // 100, "i * 100 - 1", "i * 100 + 7"),
        (tokens, f"i + {tokens}", "i"),
    ):
        made = {
            "sqlite": f"datetime('2020-01-01', '+' || ({seconds}) || ' seconds')",
            "postgresql": f"timestamp '2020-01-01' + ({seconds}) * interval '1 second'",
            "mariadb": f"timestamp'2020-01-01 00:00:00' + interval ({seconds}) second",
        }[engine.name]
        columns = f"{number}, 'somebody', {made}, NULL"
        yield f"INSERT INTO people {_numbered(engine, count, columns)}"


def _numbered(engine: Engine, count: int, columns: str) -> str:
    """`SELECT` with `i` from 1 to `count`."""
    if engine.name == "postgresql":
        return f"SELECT {columns} FROM generate_series(1, {count}) AS numbers(i)"
    if engine.name == "mariadb":
        return f"SELECT {columns} FROM (SELECT seq AS i FROM seq_1_to_{count}) AS numbers"
    return (
        f"WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers "
        f"WHERE i < {count}) SELECT {columns} FROM numbers"
    )


def _erased(config: Path, tokens: int) -> None:
    """Batches in the ledger that took the rows 1 to `tokens`, as if after the backup."""
    context = load(config)
    engine = engine_for(context.policy.ledger.url, "ledger", context.folder)
    ledger = open_ledger(engine)
    ((database_id, _),) = ledger.databases().items()
    at = now()
    master = key_folder(context.policy, context.folder).key(month_of(at))
    ledger.save_policy(context.policy.sha256, context.policy.text)
    started = {"policy_sha256": context.policy.sha256, "as_of": at.isoformat()}
    ledger.append(Kind.RUN_STARTED, at, run_id="benchmark", body=started)
    for sequence, first in enumerate(range(1, tokens + 1, BATCH), start=1):
        numbers = range(first, min(first + BATCH, tokens + 1))
        guards = [_BEGUN + timedelta(seconds=number) for number in numbers]
        keys = [(number,) for number in numbers]
        made = tokens_for(keys, guards, master, month_of(at), database_id, "people")
        _batch(ledger, database_id, sequence, len(keys), (made.width, made.blob), at)
    ledger.append(Kind.RUN_FINISHED, at, run_id="benchmark", body={"exit_code": 0, "steps": []})
    engine.dispose()


def _batch(
    ledger: Ledger,
    database_id: str,
    sequence: int,
    rows: int,
    made: tuple[int, bytes],
    at: datetime,
) -> None:
    """One batch of ours, announced and committed."""
    intent = Intent(
        database_id,
        sequence,
        "benchmark",
        "people",
        "delete",
        "people",
        (),
        {"people": rows, "due people": rows},
        None,
        at,
        at + timedelta(minutes=1),
    )
    ledger.append_intent(intent, {"people": made}, at)
    ledger.close(sequence, database_id, Kind.COMMITTED, at)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reapply", description=__doc__)
    parser.add_argument("--tokens", type=int, default=10_000_000, help="rows erased (10,000,000)")
    parser.add_argument(
        "--engine", action="append", choices=("sqlite", "postgresql", "mariadb"), help="only this"
    )
    return parser.parse_args()


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
