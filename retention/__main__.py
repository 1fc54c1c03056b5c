"""`python -m retention`, where the command is not on the path."""

from retention.cli.app import main

main()
