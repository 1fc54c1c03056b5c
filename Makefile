# make demo   a small shop, and one whole night over it
# make test   the tests, against a real SQLite, PostgreSQL and MariaDB
# make faults the same, with hundreds of killed runs and thousands of random nights
# make years  a year of nights over each of examples/, judged row by row
# make bench  what a night costs beside the bare statements, on each engine (some hours at full size)
# make lint   ruff, mypy, walls
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

.PHONY: demo test faults years bench lint clean

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade 'pip>=24'
	$(BIN)/pip install --quiet -e '.[postgresql,mariadb]'
	touch $@

$(VENV)/tested: $(VENV)/installed
	$(BIN)/pip install --quiet -e '.[postgresql,mariadb,lake,test]'
	touch $@

$(VENV)/linted: $(VENV)/installed
	$(BIN)/pip install --quiet -e '.[postgresql,mariadb,lake,test,lint]'
	touch $@

demo: $(VENV)/installed
	@rm -rf demo
	@$(BIN)/retention demo demo 2>/dev/null
	@$(BIN)/retention enroll --all
	@$(BIN)/retention check
	@$(BIN)/retention plan
	@$(BIN)/retention run --all 2>/dev/null >/dev/null
	@echo; echo "The night:"; echo
	@$(BIN)/retention report last
	@$(BIN)/retention report last --html demo/report.html >/dev/null
	@$(BIN)/retention run >/dev/null && echo && echo "A second run the same night finds nothing to do."
	@echo
	@echo "The report is demo/report.html. Next, with $(BIN)/retention:"
	@echo "  retention plan --at 2027-06-01   what a night next summer would do, and which copies are left"
	@echo "  retention backups list           which copies would bring erased people back"
	@echo "  retention hold add customers 12 --reason 'claim 7'   a row that must stay"
	@echo "  retention schedule               lines for cron and systemd"
	@echo "  retention report                 every run; retention ledger verify"

# commands start by the hundred in tests: each is to find its modules compiled
test faults years: export PYTHONDONTWRITEBYTECODE :=

test: $(VENV)/tested
	$(BIN)/python -m pytest -q -n 2 --dist load -m "not faults and not years"

faults: $(VENV)/tested
	$(BIN)/python -m pytest -q -m faults

years: $(VENV)/tested
	$(BIN)/python -m pytest -q -n 2 -m years

bench: $(VENV)/tested
	$(BIN)/python -m benchmarks $(BENCH) --output benchmark.md

lint: $(VENV)/linted
	$(BIN)/ruff check .
	$(BIN)/ruff format --check retention tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) demo
