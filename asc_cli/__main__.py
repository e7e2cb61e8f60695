"""python -m asc_cli: the command line, where the console script is not on the path."""

from asc_cli.cli import main

if __name__ == "__main__":
    main()
