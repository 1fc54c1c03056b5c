"""What each key of policies.toml is for, in one sentence; editors show it while a person writes."""

from __future__ import annotations

POLICY = {
    "timezone": "The controller's time zone, such as Europe/Oslo; days end at midnight there.",
    "country": "Default jurisdiction for statutes: two letters, such as NO.",
    "schedule": "When rules run unless they say otherwise: a cron line in local time.",
    "financial_year_starts": "Month and day of the first day of the financial year (01-01), or a "
    "list of years' first days where one was short or moved.",
    "databases": "The databases that rules speak of, by name.",
    "ledger": "The proof of what was done; kept away from the databases and their backups.",
    "rules": "Sentences of the privacy policy, by name: what must go or stay, and when.",
    "references": 'What becomes of rows that refer to a row that goes; "*" speaks for all others.',
    "backups": "Where copies of the databases are, by name, and how long they are kept.",
    "limits": "What one rule may take in one run before it stops and asks.",
    "coverage": "What is known to hold nothing personal; see `retention coverage`.",
    "not_by_this_software": "Sentences of the privacy policy that no rule keeps: why, and who does.",
    "statutes": "Statutes of the controller's own, or in place of an entry of the catalogue.",
}
DATABASE = {
    "url": "SQLAlchemy URL; may hold ${NAME}, ${NAME:-default} or ${file:/path} for secrets.",
    "urls": "Instead of `url`: where many databases of one shape are listed, for one set of rules.",
}
DATABASE_LIST = {
    "command": "A program and its arguments that prints a URL, or a label and a URL, a line.",
    "file": "A text file with a URL, or a label and a URL, a line.",
    "query": "A query of another database of this policy, with rows of a URL, or a label and a URL.",
    "glob": "SQLite files by a pattern with * and **.",
}
LIST_QUERY = {
    "database": "The name under [databases] of the database that has the list.",
    "sql": "A query with one column, the URL, or two, a label and the URL.",
}
LEDGER = {
    "url": "SQLAlchemy URL of the ledger.",
    "keep_at_least": "How long entries are kept at least; none is ever removed.",
    "rows": "For which rows tokens are kept: auto, all or none.",
    "keys": "The folder of the monthly keys; by default beside the ledger.",
}
RULE = {
    "table": "The table the rule speaks of; or the address of a lake table, delta:///path/events.",
    "files": "Which files the rule is about, a path or address with * and **; or, beside `table`, "
    "columns that name files and where these lie: such a file goes with its row.",
    "database": "The name under [databases]; needed where there are several.",
    "purpose": "What the data are kept for, as the records of processing say it.",
    "basis": "The legal basis of that purpose.",
    "promise": "The sentence of the privacy policy that this rule keeps, word for word; or several.",
    "where": "Which rows: one boolean SQL expression without sub-queries; unknown selects nothing.",
    "start": "Where the clock starts: a column, a column of a row referred to, or a choice of them.",
    "requires": "Columns that must have a value before the clock starts.",
    "remember_in": "A column into which the derived start is written before its evidence goes.",
    "counted_from": "Moves the start to the end of the unit it falls in.",
    "keep_at_least": "The floor: rows are not deleted before this period is over.",
    "protects": "Columns, here or in rows referred to, that may not be masked while the floor holds.",
    "anonymize_after": "The ceiling after which the columns under `anonymize` are masked.",
    "delete_after": "The ceiling after which rows are deleted.",
    "restrict_after": "The ceiling after which rows are no longer processed.",
    "anonymize_when": "No clock: rows are masked as soon as this condition holds.",
    "delete_when": "No clock: rows are deleted as soon as this condition holds.",
    "restrict": "How rows are put out of processing: columns set, or a table they are moved to; "
    "by default an entry in retention_restriction.",
    "only_if": "What the rule asks of the row besides `where`.",
    "anonymize": "Columns and how each is masked; several columns may share one key, with commas.",
    "unless": "Named conditions that stop this rule for a row; an unknown result stops it, too.",
    "together": "A column that makes rows one unit: equal values, or a reference to the same table. "
    "The unit is due with its last row, and goes at once or not at all.",
    "missing": 'Stored values that mean "no date", such as 9999-12-31.',
    "earliest_plausible": "Starts before this day are not believed; such rows are never touched.",
    "stored_as": "How the clock's columns store times, where the column's type does not say it.",
    "stored_in": "The zone of times stored without one; UTC unless said.",
    "schedule": "When this rule runs: a cron line in local time.",
    "guard": "A date column set once, when the row is made: it tells a row from a later one "
    "that got the same key.",
    "limits": "Limits of this rule alone.",
}
LIMITS = {
    "rows_per_run": "The most rows one rule takes in one run.",
    "share_of_table": 'The largest share of a table one rule takes in one run, such as "50%".',
    "share_min_rows": "Tables with no more rows than this have no limit by share.",
    "whole_table": "What becomes of a rule that would take every row that has a date.",
    "over_limit": "Beyond a limit: refuse, or take the portion it allows and the rest later.",
}
RESTRICT = {
    "set": "Columns of the row and the values that say it is restricted.",
    "move_to": "A table of the same columns; the rule's later stages follow the rows there.",
}
ONLY_IF = {"younger_than": "The rule holds until the start of that birthday."}
YOUNGER_THAN = {
    "column": "The column with the date of birth.",
    "years": "The age in years.",
}
REFERENCE = {
    "then": "delete: go along; detach: set to NULL; block: the parent waits; leave: nothing.",
    "to": "The column referred to, where the database declares no such reference; or, for each value "
    "of the column `by`, the column of another table.",
    "detach_to": "What a detached column gets instead of NULL, such as 0.",
    "when_unused": "What becomes of the row referred to with the last row that uses it.",
    "lock": "Keep new referring rows out of a batch by locking their table (PostgreSQL).",
}
BACKUPS = {
    "database": "The name under [databases] of what is copied, or several names; or a lake table.",
    "kind": "Who lists the copies: files, restic, borg, pgbackrest, a command; lake: old versions of "
    "a lake table; or declared: nobody.",
    "path": "The files, with * in it; relative to this file, or a URL that fsspec knows.",
    "repository": "The repository of restic or borg.",
    "only": "Of a repository that holds other things: the tag (restic), or a pattern of the names "
    "(borg), of the copies meant.",
    "stanza": "The stanza of pgBackRest.",
    "command": "A program and its arguments; it prints one JSON object a line for each copy.",
    "environment": "Variables for the tool, such as RESTIC_PASSWORD_FILE; values may hold ${NAME}.",
    "keep": 'How long a copy is kept, such as "35 days"; without it nobody knows when it goes.',
    "takes": "How much older than the time of a copy its contents may be.",
    "one_snapshot": "Each file is one snapshot: mariadb-dump with --single-transaction, for example.",
    "expire": "true: we remove what is past `keep` (of a lake table: what its own properties no "
    "longer need); false: we watch and report.",
    "keep_last": "How many of the newest copies `expire` always leaves.",
}
COVERAGE = {
    "not_personal": "Tables and columns (table.column) that hold nothing personal; * stands for any "
    "part of a name.",
}
STATUTE = {
    "period": 'The period the statute sets, such as "5 years".',
    "kind": "Whether it asks to keep, to erase, limits claims, or sets a deadline.",
    "counted_from": "The unit at whose end its clock starts.",
    "title": "What it is called.",
    "act": "The act it stands in.",
    "section": "The section of the act.",
    "starts": "Where its clock starts, in words.",
    "binds": "Who must follow it.",
    "rolls": "Whether an end on a weekend or public holiday moves to the next working day.",
}
KEYS = {
    "Policy": POLICY,
    "DatabaseSettings": DATABASE,
    "DatabaseList": DATABASE_LIST,
    "ListQuery": LIST_QUERY,
    "LedgerSettings": LEDGER,
    "Rule": RULE,
    "Limits": LIMITS,
    "OnlyIf": ONLY_IF,
    "Restrict": RESTRICT,
    "YoungerThan": YOUNGER_THAN,
    "ReferenceDecision": REFERENCE,
    "BackupSettings": BACKUPS,
    "Coverage": COVERAGE,
    "StatuteSettings": STATUTE,
}
