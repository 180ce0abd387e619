"""`python -m pocket_okta`."""

from pocket_okta.cli import main

if __name__ == "__main__":
    main()
