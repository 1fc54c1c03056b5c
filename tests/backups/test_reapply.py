"""A restore does not bring anyone back: refused, shown, erased again, proved."""

from __future__ import annotations

from copies import back_up
from project import Project
from shops import CUSTOMERS, NIGHT, REFERENCES, TICKETS, customers, everything, shop


def tables(body: dict[str, object]) -> dict[str, dict[str, object]]:
    """What a reapply told, by rule, action and table."""
    found = body["tables"]
    assert isinstance(found, list)
    return {f"{item['rule']} {item['action']} {item['table']}": item for item in found}


def test_a_restored_database_is_refused_shown_and_brought_to_where_it_was(project: Project) -> None:
    """Rules that still stand reach everybody again; then runs go on, and the ledger is whole."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    after = everything(project)
    restore()
    assert customers(project) == set(range(1, 21))

    refused = project.run("run", "--all")
    assert refused.code == 4
    assert "retention backups reapply main" in refused.out + refused.err
    before = everything(project)
    shown = project.run("backups", "reapply", "--dry-run", "--json")
    assert shown.code == 0, shown.err
    assert everything(project) == before
    found = tables(shown.json)
    assert found["customers delete customers"]["back"] == 10
    assert found["customers delete orders"]["unsure"] == 20

    done = project.run("backups", "reapply", "--json")
    assert done.code == 0, done.out + done.err
    assert done.json["finished"]
    assert everything(project) == after
    assert project.run("run", "--all").code == 0
    assert project.run("ledger", "verify").code == 0


def test_rules_that_are_gone_are_repeated_by_token(project: Project) -> None:
    """With other rules in the policy, tokens reach the rows and the old masks are used."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    after = everything(project)
    restore()
    project.policy(CUSTOMERS.replace("1 year", "9 years") + REFERENCES)
    done = project.run("backups", "reapply", "--json")
    assert done.code == 0, done.out + done.err
    found = tables(done.json)
    assert found["customers delete customers"]["again"] == 10
    assert found["tickets anonymize tickets"]["again"] == 4
    assert everything(project) == after
    assert project.run("run", "--all").code == 0


def test_a_row_that_got_an_erased_number_stays(project: Project) -> None:
    """A new customer with the number of one who was erased is another one by the guard."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    restore()
    project.policy(CUSTOMERS.replace("1 year", "9 years") + REFERENCES)
    project.sql(
        "delete from orders where customer_id = 3",
        "delete from customers where id = 3",
        "insert into customers values (3, 'new', 'n@x.example', null, '2025-07-01 00:00:00')",
    )
    done = project.run("backups", "reapply", "--json")
    assert done.code == 0, done.out + done.err
    assert tables(done.json)["customers delete customers"]["issued_again"] == 1
    assert customers(project) == {3, *range(2, 21, 2)}
    assert project.value("select name from customers where id = 3") == "new"


def test_a_table_reloaded_from_a_dump_is_found_by_the_ghost_probe(project: Project) -> None:
    """Erased rows put back by hand stop the next run; a reapply looks through all tokens."""
    shop(project)
    rows = project.rows("select * from customers where id in (3, 5)")
    project.night(NIGHT)
    after = everything(project)
    assert project.run("run", "--all").code == 0
    values = ", ".join(str(tuple(row)).replace("None", "null") for row in rows)
    project.sql(f"insert into customers values {values}")
    refused = project.run("run", "--all")
    assert refused.code == 4, refused.out
    assert "recently erased rows of customers" in refused.out + refused.err
    done = project.run("backups", "reapply", "--json")
    assert done.code == 0, done.out + done.err
    assert everything(project) == after
    assert project.run("run", "--all").code == 0


def test_nobody_back_leaves_everything_as_it_is(project: Project) -> None:
    """Without a restore a reapply finds nobody and writes nothing, not even an entry."""
    shop(project)
    project.night(NIGHT)
    before = project.run("ledger", "verify").out
    done = project.run("backups", "reapply")
    assert done.code == 0, done.err
    assert "nobody is back" in done.out
    assert project.run("ledger", "verify").out == before


def test_holds_requests_and_events_younger_than_the_backup_come_back_first(
    project: Project,
) -> None:
    """What was placed after the backup holds again, and an event recorded after it erases again."""
    shop(project)
    leaving = """
[rules.leavers]
table = "customers"
start = { event = "left" }
delete_after = "immediately"
guard = "created_at"
"""
    project.policy(CUSTOMERS + leaving + TICKETS + REFERENCES)
    restore = back_up(project)
    hold = project.run("hold", "add", "customers", "1", "--reason", "a claim")
    assert hold.code == 0, hold.err
    asked = project.run("restriction", "add", "customers", "3", "--reason", "art. 18")
    assert asked.code == 0, asked.err
    left = ("event", "record", "left", "--table", "customers", "--key", "2")
    assert project.run(*left, "--at", "2025-05-01T12:00:00Z").code == 0
    project.night(NIGHT)
    assert customers(project) == {1, 3, *range(4, 21, 2)}
    after = everything(project)
    restore()
    assert project.value("select count(*) from retention_event") == 0
    done = project.run("backups", "reapply", "--json")
    assert done.code == 0, done.out + done.err
    assert done.json["events_back"] == 1
    assert everything(project) == after
    assert project.run("ledger", "verify").code == 0


def test_rows_without_a_guard_are_for_a_person(project: Project) -> None:
    """They are not erased by token; the reapply ends once their keys are in somebody's hands."""
    shop(project)
    project.policy((CUSTOMERS + REFERENCES).replace('guard = "created_at"\n', ""))
    restore = back_up(project)
    project.night(NIGHT)
    restore()
    project.policy("[coverage]\n" + 'not_personal = ["customers"]\n')
    first = project.run("backups", "reapply")
    assert first.code == 1, first.out + first.err
    assert "--list" in first.out
    assert customers(project) == set(range(1, 21))
    assert project.run("run", "--all").code == 4
    file = project.folder / "left.csv"
    second = project.run("backups", "reapply", "--list", str(file))
    assert second.code == 1, second.out + second.err
    listed = [line.split(",") for line in file.read_text().splitlines()[1:]]
    assert {int(line[-1]) for line in listed if line[0] == "customers"} == set(range(1, 20, 2))
    assert file.stat().st_mode & 0o077 == 0
    assert project.run("run", "--all").code == 0
    assert not any(key in second.out + second.err for key in ("name 3", "m3@x.example"))


def test_a_hold_placed_after_the_restore_keeps_a_row_that_was_erased(project: Project) -> None:
    """The row is listed, stays, and is no ghost to the nights after."""
    shop(project)
    restore = back_up(project)
    project.night(NIGHT)
    restore()
    assert project.run("hold", "add", "customers", "5", "--reason", "a claim").code == 0
    first = project.run("backups", "reapply")
    assert first.code == 1, first.out + first.err
    file = project.folder / "left.csv"
    second = project.run("backups", "reapply", "--list", str(file))
    assert second.code == 1, second.out + second.err
    assert [line.split(",")[0] for line in file.read_text().splitlines()[1:]].count(
        "customers"
    ) == 1
    assert customers(project) == {5, *range(2, 21, 2)}
    assert project.run("run", "--all").code == 0
    assert project.run("ledger", "verify").code == 0


def test_keys_that_are_no_numbers_are_recognised(project: Project) -> None:
    """Text keys and keys of two columns are found by reading the table, with their guard."""
    project.sql(
        "create table members (email varchar(80) primary key, left_at varchar(32),"
        " joined_at varchar(32) not null)",
        "create table seats (hall varchar(20) not null, place integer not null, left_at varchar(32),"
        " sold_at varchar(32) not null, primary key (hall, place))",
    )
    for number in range(12):
        left = "'2023-01-02 00:00:00'" if number % 3 == 0 else "null"
        project.sql(
            f"insert into members values ('m{number}@x.example', {left},"
            f" '2020-01-01 00:00:{number:02d}')",
            f"insert into seats values ('A|B', {number}, {left}, '2020-01-01 00:00:{number:02d}')",
        )
    rules = "".join(
        f'[rules.{table}]\ntable = "{table}"\nstart = "left_at"\ndelete_after = "1 year"\n'
        f'guard = "{guard}"\n'
        for table, guard in (("members", "joined_at"), ("seats", "sold_at"))
    )
    project.policy(rules)
    project.enroll()
    restore = back_up(project)
    project.night(NIGHT)
    restore()
    project.sql("update members set joined_at = '2024-01-01 00:00:00' where email = 'm3@x.example'")
    project.policy(rules.replace("1 year", "9 years"))
    assert project.run("run", "--all").code == 4
    done = project.run("backups", "reapply", "--json")
    assert done.code == 0, done.out + done.err
    assert project.value("select count(*) from seats where left_at is not null") == 0
    assert project.rows("select email from members where left_at is not null") == [
        ("m3@x.example",)
    ]
    assert project.run("run", "--all").code == 0


def test_masks_by_token_reach_child_rows_as_they_did(project: Project) -> None:
    """Child rows are masked or deleted along with their owner, after the rule was taken out."""
    made = "timestamp" if project.dialect != "sqlite" else "text"
    project.sql(
        f"create table cases (id integer primary key, name varchar(20), closed_at {made} null,"
        f" opened_at {made} not null)",
        "create table messages (id integer primary key, case_id integer not null, body varchar(20))",
        "create table files (id integer primary key, case_id integer not null)",
    )
    for number in (1, 2, 3, 4):
        closed = "'2023-01-02 03:04:05'" if number % 2 else "null"
        project.sql(
            f"insert into cases values ({number}, 'me', {closed}, '2020-01-01 00:00:0{number}')",
            f"insert into messages values ({number}, {number}, 'about me')",
            f"insert into files values ({number}, {number})",
        )
    references = (
        "[references]\n"
        '"messages.case_id" = { to = "cases.id", then = "block" }\n'
        '"files.case_id" = { to = "cases.id", then = "delete" }\n'
    )
    masks = (
        '[rules.cases]\ntable = "cases"\nstart = "closed_at"\nanonymize_after = "1 year"\n'
        'guard = "opened_at"\n[rules.cases.anonymize]\nname = "null"\n'
        '"messages.body" = { text = "[erased]" }\n"files.*" = "delete"\n'
    )
    project.policy(masks + references)
    project.enroll()
    restore = back_up(project)
    project.night(NIGHT)
    wanted = [project.rows(f"select * from {name} order by id") for name in ("cases", "messages")]
    assert [row[2] for row in wanted[1]] == ["[erased]", "about me"] * 2
    restore()
    project.policy(references)
    done = project.run("backups", "reapply", "--json")
    assert tables(done.json)["cases anonymize cases"]["again"] == 2, done.out + done.err
    found = [project.rows(f"select * from {name} order by id") for name in ("cases", "messages")]
    assert found == wanted
    assert project.rows("select id from files order by id") == [(2,), (4,)]
    assert done.code == 0, done.out + done.err


def test_rows_that_refer_to_a_row_without_a_rule_of_today_go_along_as_then(
    project: Project,
) -> None:
    """Today's policy says nothing of a reference: the decision then in force counts."""
    project.sql(
        "create table owners (id integer primary key, left_at varchar(32),"
        " made_at varchar(32) not null)",
        "create table cars (id integer primary key, owner_id integer, foreign key (owner_id)"
        " references owners (id))",
        "insert into owners values (1, '2020-01-01 00:00:00', '2019-01-01 00:00:00')",
        "insert into cars values (7, 1)",
    )
    rule = (
        '[rules.owners]\ntable = "owners"\nstart = "left_at"\ndelete_after = "1 year"\n'
        'guard = "made_at"\n'
    )
    project.policy(rule + '[references]\n"cars.owner_id" = "detach"\n')
    project.enroll()
    restore = back_up(project)
    project.night(NIGHT)
    assert project.rows("select * from cars") == [(7, None)]
    restore()
    project.policy(rule.replace("1 year", "90 years"))
    done = project.run("backups", "reapply")
    assert done.code == 0, done.out + done.err
    assert project.rows("select * from cars") == [(7, None)]
    assert project.value("select count(*) from owners") == 0
