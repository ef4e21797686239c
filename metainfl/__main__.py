"""`python -m metainfl`: the command line."""

from metainfl.cli import main

if __name__ == "__main__":
    main()
